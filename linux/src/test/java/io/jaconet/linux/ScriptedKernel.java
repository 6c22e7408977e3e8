package io.jaconet.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Queue;

/** A kernel that says what a test wants it to say. */
final class ScriptedKernel implements NetlinkTransport {
  static final int PORT = 4711;

  /** Answers one request; the sequence number is that of its first message. */
  interface Script {
    void answer(int sequence) throws IOException;
  }

  private final Queue<byte[]> datagrams = new ArrayDeque<>();
  private final Queue<Script> scripts = new ArrayDeque<>();
  private int losses;
  private int requests;

  /** Adds what happens at the next request that has no script yet. */
  ScriptedKernel onRequest(Script script) {
    scripts.add(script);
    return this;
  }

  void say(byte[] datagram) {
    datagrams.add(datagram);
  }

  void say(ByteBuffer datagram) {
    byte[] bytes = new byte[datagram.remaining()];
    datagram.get(bytes);
    say(bytes);
  }

  /** Makes the next read fail as after an overflow. */
  void lose() {
    losses++;
  }

  int requests() {
    return requests;
  }

  /** Addresses a captured datagram to us, as the answer to {@code sequence}. */
  static byte[] readdressed(byte[] datagram, int sequence) {
    var copy = ByteBuffer.wrap(datagram.clone()).order(ByteOrder.nativeOrder());
    for (int at = 0; at < copy.limit(); at += MessageReader.aligned(copy.getInt(at))) {
      copy.putInt(at + 8, sequence).putInt(at + 12, PORT);
    }
    return copy.array();
  }

  @Override
  public void send(ByteBuffer messages) {
    requests++;
    int sequence = messages.order(ByteOrder.nativeOrder()).getInt(8);
    var script = scripts.size() > 1 ? scripts.remove() : scripts.element();
    try {
      script.answer(sequence);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public ByteBuffer receive() throws LostAnswerException {
    if (losses > 0) {
      losses--;
      throw new LostAnswerException("the kernel dropped an answer");
    }
    var datagram = datagrams.poll();
    if (datagram == null) {
      throw new LostAnswerException("the kernel has no answer");
    }
    return ByteBuffer.wrap(datagram);
  }

  @Override
  public void drain() {
    datagrams.clear();
  }

  @Override
  public int portId() {
    return PORT;
  }

  @Override
  public int maxMessagesPerSend() {
    return 100;
  }

  @Override
  public void close() {}
}
