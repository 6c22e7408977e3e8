package io.jaconet.udp;

import io.jaconet.linux.OffHeap;
import java.nio.ByteBuffer;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** The ones' complement sum of a packet. */
@State(Scope.Thread)
public class ChecksumBenchmark {
  private static final int PACKET_BYTES = 1472;

  private final ByteBuffer memory = new OffHeap(PACKET_BYTES).buffer();

  @Setup
  public void fill() {
    byte[] bytes = new byte[PACKET_BYTES];
    new Random(1).nextBytes(bytes);
    memory.put(0, bytes);
  }

  @Benchmark
  public int checksum() {
    return Checksum.sum(memory, 0, PACKET_BYTES);
  }
}
