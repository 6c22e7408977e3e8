package io.jaconet.overlay;

import com.google.errorprone.annotations.Immutable;
import org.jspecify.annotations.Nullable;

/**
 * A subnet and the host that holds it.
 *
 * @param subnets the subnets, which are also the identity of the lease
 * @param attributes what the holder published
 * @param holder the node id of the holder; null in a record that flanneld wrote, whose holder is known by its public IP alone
 * @param created the store's revision at which the record came to be; the lower one was first
 * @param revision the store's revision of the last write to the record; what a compare-and-set compares
 */
@Immutable
public record Lease(
    Subnets subnets,
    LeaseAttributes attributes,
    @Nullable String holder,
    long created,
    long revision) {

  /** Returns whether {@code other} tells peers the same thing, whatever its revision. */
  public boolean sameContent(Lease other) {
    return subnets.equals(other.subnets) && attributes.equals(other.attributes);
  }
}
