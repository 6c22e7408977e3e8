package io.jaconet.linux;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import org.jspecify.annotations.Nullable;

/** Addresses of links in rtnetlink's words. */
final class AddressMessages {
  static final int RTM_NEWADDR = 20;
  static final int RTM_DELADDR = 21;
  static final int RTM_GETADDR = 22;

  private static final int IFA_ADDRESS = 1;
  private static final int IFA_LOCAL = 2;
  private static final int IFA_FLAGS = 8;
  private static final int IFA_F_NODAD = 2;
  private static final int PREFIX_OFFSET = 1;
  private static final int FLAGS_OFFSET = 2;
  private static final int SCOPE_OFFSET = 3;
  private static final int INDEX_OFFSET = 4;
  private static final int HEADER_BYTES = 8;

  private AddressMessages() {}

  /** Writes an address of scope universe. Duplicates of an IPv6 one are not looked for: it can be used at once. */
  static void encode(MessageWriter writer, int linkIndex, IpAddress address, int prefixLength) {
    writer.u8(AddressFamily.of(address.family())).u8(prefixLength).u8(0).u8(0).u32(linkIndex);
    writer.ip(IFA_LOCAL, address).ip(IFA_ADDRESS, address);
    if (address.family() == IpFamily.V6) {
      writer.u32(IFA_FLAGS, IFA_F_NODAD);
    }
  }

  static void encodeDumpRequest(MessageWriter writer) {
    writer.u32(0).u32(0);
  }

  /** Returns the address that {@code message} tells of, null if it is about something else. */
  static @Nullable LinkAddress decode(MessageReader message) throws MalformedMessageException {
    if (message.type() != RTM_NEWADDR && message.type() != RTM_DELADDR) {
      return null;
    }
    var family = AddressFamily.toIp(message.u8(0));
    int prefixLength = message.u8(PREFIX_OFFSET);
    int flags = message.u8(FLAGS_OFFSET);
    int scope = message.u8(SCOPE_OFFSET);
    int linkIndex = message.u32(INDEX_OFFSET);
    IpAddress local = null;
    IpAddress address = null;
    var attributes = message.attributes(HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case IFA_LOCAL -> local = attributes.ip();
        case IFA_ADDRESS -> address = attributes.ip();
        case IFA_FLAGS -> flags = attributes.u32();
        default -> {}
      }
    }
    // On a point-to-point link IFA_ADDRESS is the other end.
    var own = local != null ? local : address;
    if (family == null || own == null || own.family() != family) {
      return null;
    }
    if (prefixLength > family.bits()) {
      throw new MalformedMessageException(
          "the address %s has the prefix length %d", own, prefixLength);
    }
    return new LinkAddress(linkIndex, own, prefixLength, scope, flags);
  }
}
