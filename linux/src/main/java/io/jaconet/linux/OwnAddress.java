package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.util.function.Predicate;

/**
 * The one address that a device of the overlay has in its network, as a host's: with the family's full length, so that no route follows
 * from it.
 *
 * @param address the address
 * @param others which other addresses of the family the device may not have
 */
public record OwnAddress(IpAddress address, Predicate<IpAddress> others) {

  /** Returns {@code address}, beside which there is none in {@code network}. */
  public static OwnAddress in(IpPrefix network, IpAddress address) {
    return new OwnAddress(address, network::contains);
  }

  /** Returns {@code address}, beside which there is none but link-local ones. */
  public static OwnAddress alone(IpAddress address) {
    return new OwnAddress(address, other -> !other.isLinkLocal());
  }

  private boolean isOne(LinkAddress found) {
    return found.address().equals(address)
        && found.prefixLength() == address.family().bits();
  }

  private boolean isInPlace(LinkAddress found) {
    return found.address().family() == address.family() && others.test(found.address());
  }

  /**
   * Sees to it that a device has the address and none of the others.
   *
   * @param link the device's index
   * @param device its name
   * @return whether the address was missing: without one the kernel forgets routes as well
   */
  public boolean ensure(RtNetlink netlink, int link, String device, Mending mending)
      throws IOException {
    boolean there = false;
    for (LinkAddress found : netlink.addresses()) {
      if (found.linkIndex() == link && isOne(found)) {
        there = true;
      } else if (found.linkIndex() == link && isInPlace(found)) {
        var text = found.address() + "/" + found.prefixLength();
        mending.mend(
            "address " + text + " of " + device,
            "",
            text,
            () -> netlink.removeAddress(link, found.address(), found.prefixLength()));
      }
    }
    return !there
        && mending.mend(
            "address of " + device,
            address + "/" + address.family().bits(),
            "",
            () -> netlink.addAddress(link, address, address.family().bits()));
  }

  /** Returns whether {@code event} leaves the device as {@link #ensure} would. */
  public boolean isAsWanted(NetlinkEvent.AddressChanged event) {
    return isOne(event.address())
        ? !event.removed()
        : event.removed() || !isInPlace(event.address());
  }
}
