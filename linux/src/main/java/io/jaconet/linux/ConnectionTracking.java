package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import java.io.IOException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The connections that the kernel tracks in one network namespace. Confined to one thread at a time; stays in the namespace it was
 * opened in.
 */
public final class ConnectionTracking implements AutoCloseable {
  private static final int IPCTNL_MSG_CT_NEW = 0;
  private static final int IPCTNL_MSG_CT_GET = 1;
  private static final int IPCTNL_MSG_CT_DELETE = 2;
  private static final int IPCTNL_MSG_CT_GET_STATS = 5;
  private static final int CTA_STATS_GLOBAL_ENTRIES = 1;
  private static final int CTA_TUPLE_ORIG = 1;
  private static final int CTA_TUPLE_REPLY = 2;
  private static final int CTA_STATUS = 3;
  private static final int CTA_ID = 12;
  private static final int CTA_ZONE = 18;
  private static final int CTA_TUPLE_IP = 1;
  private static final int IPS_SRC_NAT = 1 << 4;
  private static final int IPS_DST_NAT = 1 << 5;
  private static final int RECEIVE_BUFFER_BYTES = 1 << 20;

  private final NetlinkConversation kernel;

  private ConnectionTracking(NetlinkTransport transport) {
    this.kernel = new NetlinkConversation(transport);
  }

  /** Opens a connection to the kernel in the network namespace of the calling thread. */
  public static ConnectionTracking open() throws SyscallException {
    return new ConnectionTracking(NetlinkSocket.openNetfilter(0, RECEIVE_BUFFER_BYTES));
  }

  /** Returns those connections of both families that {@code wanted} accepts; none if the kernel tracks none. */
  public ImmutableList<Connection> connections(Predicate<Connection> wanted) throws IOException {
    // The kernel looks through a table of some hundred thousand places, however few are taken.
    if (count() == 0) {
      return ImmutableList.of();
    }
    NetfilterMessages.header(
        kernel.dumpRequest(NetfilterMessages.conntrack(IPCTNL_MSG_CT_GET)),
        AddressFamily.AF_UNSPEC);
    try {
      return kernel.dump("dump(connections)", message -> {
        var connection = decode(message);
        return connection != null && wanted.test(connection) ? connection : null;
      });
    } catch (SyscallException e) {
      if (isUnsupported(e)) {
        return ImmutableList.of();
      }
      throw e;
    }
  }

  private static boolean isUnsupported(SyscallException e) {
    return e.errno() == Errno.EINVAL || e.errno() == Errno.EOPNOTSUPP;
  }

  private int count() throws IOException {
    NetfilterMessages.header(
        kernel.request(NetfilterMessages.conntrack(IPCTNL_MSG_CT_GET_STATS), 0),
        AddressFamily.AF_UNSPEC);
    try {
      return kernel.get("getstats(connections)", ConnectionTracking::decodeCount);
    } catch (SyscallException e) {
      if (isUnsupported(e)) {
        return 0;
      }
      throw e;
    }
  }

  static @Nullable Integer decodeCount(MessageReader message) throws MalformedMessageException {
    if (message.type() != NetfilterMessages.conntrack(IPCTNL_MSG_CT_GET_STATS)) {
      return null;
    }
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      if (attributes.type() == CTA_STATS_GLOBAL_ENTRIES) {
        return attributes.u32BigEndian();
      }
    }
    throw new MalformedMessageException("statistics without a count");
  }

  static @Nullable Connection decode(MessageReader message) throws MalformedMessageException {
    if (message.type() != NetfilterMessages.conntrack(IPCTNL_MSG_CT_NEW)) {
      return null;
    }
    IpAddress[] original = null;
    IpAddress[] reply = null;
    int status = 0;
    byte[] tuple = null;
    byte[] id = null;
    byte[] zone = null;
    var attributes = message.attributes(NetfilterMessages.HEADER_BYTES);
    while (attributes.next()) {
      switch (attributes.type()) {
        case CTA_TUPLE_ORIG -> {
          original = decodeAddresses(attributes.nested());
          tuple = attributes.bytes();
        }
        case CTA_TUPLE_REPLY -> reply = decodeAddresses(attributes.nested());
        case CTA_STATUS -> status = attributes.u32BigEndian();
        case CTA_ID -> id = attributes.bytes();
        case CTA_ZONE -> zone = attributes.bytes();
        default -> {}
      }
    }
    if (original == null || reply == null || tuple == null || id == null) {
      return null;
    }
    return new Connection(
        original, reply, (status & IPS_SRC_NAT) != 0, (status & IPS_DST_NAT) != 0, tuple, id, zone);
  }

  /** Returns source and destination; null if the tuple has no addresses. */
  private static IpAddress @Nullable [] decodeAddresses(Attributes tuple)
      throws MalformedMessageException {
    while (tuple.next()) {
      if (tuple.type() == CTA_TUPLE_IP) {
        var addresses = tuple.nested();
        if (addresses.next()) {
          var source = addresses.ip();
          if (addresses.next()) {
            return new IpAddress[] {source, addresses.ip()};
          }
        }
      }
    }
    return null;
  }

  /** Forgets a connection; its next packet makes a new one. One that has ended is forgotten already. */
  public void forget(Connection connection) throws IOException {
    var writer = NetfilterMessages.header(
        kernel.request(NetfilterMessages.conntrack(IPCTNL_MSG_CT_DELETE), 0),
        AddressFamily.of(connection.source().family()));
    writer.bytes(CTA_TUPLE_ORIG | MessageWriter.NESTED, connection.tuple());
    // Another connection may have the same addresses and ports by now.
    writer.bytes(CTA_ID, connection.id());
    var zone = connection.zone();
    if (zone != null) {
      writer.bytes(CTA_ZONE, zone);
    }
    try {
      kernel.execute("delete(" + connection + ")");
    } catch (SyscallException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
  }

  @Override
  public void close() throws SyscallException {
    kernel.close();
  }
}
