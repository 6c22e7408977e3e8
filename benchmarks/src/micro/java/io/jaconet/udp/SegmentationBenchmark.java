package io.jaconet.udp;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** All that is done with a packet of 64 KiB on the way out but for the system calls: looked up, cut, its headers and checksums made. */
@State(Scope.Thread)
public class SegmentationBenchmark {
  /** As many as the kernel joins at this size. */
  static final int PACKETS = 45;

  private final Tally tally = new Tally();
  private final Outbound outbound = new Outbound(
      Ends.SETTINGS,
      new Port(),
      ImmutableMap.of(IpFamily.V4, new Ends()),
      () -> Ends.TABLE,
      tally,
      System::nanoTime);

  @Setup
  public void check() throws IOException {
    segmentation();
    if (tally.get(PacketCounter.SENT) != PACKETS) {
      throw new IllegalStateException("cut into " + tally.get(PacketCounter.SENT));
    }
  }

  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public void segmentation() throws IOException {
    outbound.drain();
  }

  /** Gives the same packet every other time. Its payload stays where it is; the headers, which are used up, are written again. */
  private static final class Port extends Ends {
    private final byte[] packet =
        new TcpStream("10.244.1.2", "10.244.2.2").packet(0, PACKETS * TcpStream.PAYLOAD_BYTES);
    private boolean payloadIsThere;
    private boolean given;

    @Override
    public int read(OffHeap memory, int offset, int capacity) {
      given = !given;
      if (!given) {
        return 0;
      }
      VirtioNet.putJoined(
          memory.buffer(),
          offset,
          VirtioNet.TCPV4,
          TcpStream.HEADER_BYTES,
          TcpStream.PAYLOAD_BYTES,
          TcpStream.IP_BYTES);
      int bytes = payloadIsThere ? TcpStream.HEADER_BYTES : packet.length;
      memory.buffer().put(offset + PacketPort.HEADER_BYTES, packet, 0, bytes);
      payloadIsThere = true;
      return PacketPort.HEADER_BYTES + packet.length;
    }
  }
}
