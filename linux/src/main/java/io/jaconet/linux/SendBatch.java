package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkPositionIndexes;
import static com.google.common.base.Preconditions.checkState;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.nio.ByteBuffer;

/**
 * Datagrams to be sent together. A message is one datagram, or several of equal size (the last may be shorter) to one destination;
 * each datagram consists of whole pieces of an {@link OffHeap}. Not thread-safe; allocates nothing after its construction.
 */
public final class SendBatch {
  /** The most datagrams of one message, the kernel's UDP_MAX_SEGMENTS of the first versions. */
  public static final int MAX_SEGMENTS = 64;

  /** The largest payload of a message in bytes: what an IPv4 packet holds besides its own and the UDP header. */
  public static final int MAX_MESSAGE_BYTES = 65_507;

  private final OffHeap memory;
  private final int maxMessages;
  private final int maxSlices;
  private final OffHeap iovecs;
  private final MessageHeaders headers;
  private final MessageHeaders single;
  private final int[] firstSlice;
  private final int[] segmentBytes;
  private final int[] bytes;
  private final int[] pathMtu;
  private final boolean v6;
  private int count;
  private int slices;

  /** Creates an empty batch to destinations of {@code family}, of up to so many messages and pieces of {@code memory}. */
  public SendBatch(OffHeap memory, IpFamily family, int maxMessages, int maxSlices) {
    this.memory = memory;
    this.v6 = family == IpFamily.V6;
    this.maxMessages = maxMessages;
    this.maxSlices = maxSlices;
    iovecs = new OffHeap(maxSlices * Slices.IOVEC_BYTES);
    headers = new MessageHeaders(maxMessages);
    single = new MessageHeaders(MAX_SEGMENTS);
    firstSlice = new int[maxMessages + 1];
    segmentBytes = new int[maxMessages];
    bytes = new int[maxMessages];
    pathMtu = new int[maxMessages];
  }

  /** Removes all messages. */
  public void clear() {
    count = 0;
    slices = 0;
  }

  /** Returns whether one more message of {@code pieces} pieces fits. */
  public boolean fits(int pieces) {
    return count < maxMessages && slices + pieces <= maxSlices;
  }

  /** Begins a message to an address of the batch's family, given as {@link IpAddress#highBits} and {@link IpAddress#lowBits}. */
  public void begin(long high, long low, int port) {
    checkState(count < maxMessages, "no room for more than %s messages", maxMessages);
    headers.setDestination(count, v6, high, low, port);
    bytes[count] = 0;
    pathMtu[count] = 0;
    firstSlice[count] = slices;
  }

  /** Adds a piece to the message that was begun. */
  public void add(int offset, int length) {
    checkState(slices < maxSlices, "no room for more than %s slices", maxSlices);
    checkPositionIndexes(offset, offset + length, memory.capacity());
    Slices.putIovec(iovecs.buffer(), slices * Slices.IOVEC_BYTES, memory.address(offset), length);
    slices++;
    bytes[count] += length;
  }

  /** Ends the message: datagrams of {@code datagramBytes} each, which is not less than its size if it is a single one. */
  public void end(int datagramBytes) {
    int segment = bytes[count] > datagramBytes ? datagramBytes : 0;
    headers.set(
        count,
        iovecs.address(firstSlice[count] * Slices.IOVEC_BYTES),
        slices - firstSlice[count],
        segment);
    segmentBytes[count] = datagramBytes;
    count++;
    firstSlice[count] = slices;
  }

  /** Returns the number of messages. */
  public int count() {
    return count;
  }

  /** Returns the length of the payload of all messages together. */
  public int bytes() {
    int sum = 0;
    for (int i = 0; i < count; i++) {
      sum += bytes[i];
    }
    return sum;
  }

  /** Returns the length of the payload of a message. */
  public int bytes(int message) {
    return bytes[message];
  }

  /** Returns the length of each datagram of a message but the last, which may be shorter. */
  public int segmentBytes(int message) {
    return Math.min(segmentBytes[message], bytes[message]);
  }

  /** Returns the number of datagrams of a message. */
  public int segments(int message) {
    return bytes[message] <= segmentBytes[message]
        ? 1
        : (bytes[message] + segmentBytes[message] - 1) / segmentBytes[message];
  }

  /**
   * Returns the largest packet in bytes, outer IP header included, that the path of a message takes, if its datagrams turned out to be
   * larger when they were sent, so that each went in fragments; 0 otherwise.
   */
  public int pathMtu(int message) {
    return pathMtu[message];
  }

  /** Notes what {@link #pathMtu} returns: for transports. */
  public void setPathMtu(int message, int mtu) {
    pathMtu[message] = mtu;
  }

  /** Returns where a message goes. */
  public IpAddress destination(int message) {
    return headers.address(message);
  }

  /** Returns the {@link IpAddress#highBits} of where a message goes. */
  public long destinationHigh(int message) {
    return headers.high(message);
  }

  /** Returns the {@link IpAddress#lowBits} of where a message goes. */
  public long destinationLow(int message) {
    return headers.low(message);
  }

  /** Appends the payload of a message to {@code target}. */
  public void copyTo(int message, ByteBuffer target) {
    for (int i = firstSlice[message]; i < firstSlice[message + 1]; i++) {
      int at = i * Slices.IOVEC_BYTES;
      int offset = (int) (iovecs.buffer().getLong(at) - memory.address(0));
      int length = (int) iovecs.buffer().getLong(at + 8);
      target.put(target.position(), memory.buffer(), offset, length);
      target.position(target.position() + length);
    }
  }

  /** Returns the address of the {@code struct sockaddr} of where a message goes. */
  long destinationAddress(int message) {
    return headers.nameAddress(message);
  }

  /** Returns the length of that. */
  int destinationBytes() {
    return v6 ? MessageHeaders.SOCKADDR_IN6_BYTES : MessageHeaders.SOCKADDR_IN_BYTES;
  }

  /** Returns the address of the header of a message and those that follow. */
  long headers(int message) {
    return headers.headerAddress(message);
  }

  /** Makes one header for each datagram of a message; see {@link #separateHeaders}. */
  void separate(int message) {
    int slice = firstSlice[message];
    for (int segment = 0; segment < segments(message); segment++) {
      int first = slice;
      int length = 0;
      while (slice < firstSlice[message + 1] && length < segmentBytes[message]) {
        length += (int) iovecs.buffer().getLong(slice * Slices.IOVEC_BYTES + 8);
        slice++;
      }
      single.copyDestination(segment, headers, message);
      single.set(segment, iovecs.address(first * Slices.IOVEC_BYTES), slice - first, 0);
    }
  }

  /** Returns the address of the header of a datagram of the message last separated, and those that follow. */
  long separateHeaders(int segment) {
    return single.headerAddress(segment);
  }
}
