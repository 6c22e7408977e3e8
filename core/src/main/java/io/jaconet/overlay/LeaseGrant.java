package io.jaconet.overlay;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A lease of one's own.
 *
 * @param lease the lease as it stands in the store
 * @param timeToLive how long after the request was sent it may be used unless renewed; null for a reservation, which never ends
 */
public record LeaseGrant(Lease lease, @Nullable Duration timeToLive) {}
