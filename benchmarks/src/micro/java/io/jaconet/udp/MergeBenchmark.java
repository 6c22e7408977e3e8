package io.jaconet.udp;

import io.jaconet.linux.PacketPort;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.linux.Slices;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** All that is done with packets on the way in but for the system calls: source and checksums checked, joined to one. */
@State(Scope.Thread)
public class MergeBenchmark {
  /** As many of full size as one message holds. */
  static final int PACKETS = 44;

  private static final int JOINED_BYTES =
      PacketPort.HEADER_BYTES + TcpStream.HEADER_BYTES + PACKETS * TcpStream.PAYLOAD_BYTES;

  private final Wire wire = new Wire();
  private final Inbound inbound =
      new Inbound(Ends.SETTINGS, wire, wire, () -> Ends.TABLE, new Tally(), System::nanoTime);

  @Setup
  public void check() throws IOException {
    merge();
  }

  @Benchmark
  @OperationsPerInvocation(PACKETS)
  public void merge() throws IOException {
    inbound.forwardNext();
  }

  /** Gives the same packets again and again, where they are, until their TTL is used up and they are written anew. */
  private static final class Wire extends Ends {
    private static final int TIMES = 250;

    private final ByteBuffer packets = ByteBuffer.allocate(PACKETS * OVERLAY_MTU);
    private int given;

    Wire() {
      var stream = new TcpStream("10.244.2.2", "10.244.1.2");
      for (int i = 0; i < PACKETS; i++) {
        packets.put(stream.packet(i, TcpStream.PAYLOAD_BYTES));
      }
      packets.flip();
    }

    @Override
    public boolean receive(ReceiveBatch batch) {
      if (given++ % TIMES == 0) {
        batch.clear();
        batch.add(PEER, packets, OVERLAY_MTU);
      }
      return true;
    }

    @Override
    public boolean write(Slices packet) throws IOException {
      if (packet.bytes() != JOINED_BYTES) {
        throw new IOException("joined to " + packet.bytes() + " bytes");
      }
      return true;
    }
  }
}
