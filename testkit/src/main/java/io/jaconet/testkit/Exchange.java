package io.jaconet.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.common.hash.Hashing;
import com.google.common.hash.HashingInputStream;
import com.google.common.hash.HashingOutputStream;
import com.google.common.io.ByteStreams;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.SendBatch;
import io.jaconet.linux.UdpBatchSocket;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.io.OutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Sends random bytes from one station to another and fails if they are not the same there. The same seed gives the same bytes. */
public final class Exchange {
  private static final int DEFAULT_PORT = 5001;
  private static final int PATIENCE_MILLIS = 10_000;
  private static final int PATIENCE_SECONDS = 60;

  private final Station from;
  private final Station to;
  private final IpFamily family;
  private final int port;
  private final Random random;

  /** Sends nothing yet. */
  public Exchange(Station from, Station to, IpFamily family, long seed) {
    this(from, to, family, seed, DEFAULT_PORT);
  }

  /** Sends nothing yet; those of different ports may run at the same time. */
  public Exchange(Station from, Station to, IpFamily family, long seed, int port) {
    this.port = port;
    this.from = from;
    this.to = to;
    this.family = family;
    this.random = new Random(seed);
  }

  /** Sends at least {@code bytes} bytes over TCP, in pieces of odd sizes, and compares the hashes. */
  public void stream(int bytes) throws Exception {
    var received = new CompletableFuture<String>();
    try (var server = to.namespace()
        .<ServerSocket, IOException>call(() -> new ServerSocket(port, 1, address(to)))) {
      var reader = new Thread(() -> received.completeAsync(() -> receive(server), Runnable::run));
      reader.start();

      String sent = send(bytes);

      assertEquals(sent, received.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
      reader.join();
    }
  }

  private InetAddress address(Station station) throws IOException {
    return inetAddress(station.address(family));
  }

  private static InetAddress inetAddress(IpAddress address) throws IOException {
    return InetAddress.getByAddress(address.toBytes());
  }

  private static String receive(ServerSocket server) {
    try (var socket = server.accept();
        var in = new HashingInputStream(Hashing.sha256(), socket.getInputStream())) {
      ByteStreams.exhaust(in);
      return in.hash().toString();
    } catch (IOException e) {
      return e.toString();
    }
  }

  private String send(int bytes) throws IOException {
    try (var socket = from.namespace().<Socket, IOException>call(() -> {
          var opened = new Socket();
          opened.connect(new InetSocketAddress(address(to), port), PATIENCE_MILLIS);
          return opened;
        });
        var out = new HashingOutputStream(Hashing.sha256(), socket.getOutputStream())) {
      writeOddly(out, bytes);
      return out.hash().toString();
    }
  }

  private void writeOddly(OutputStream out, int bytes) throws IOException {
    byte[] piece = new byte[100_000];
    random.nextBytes(piece);
    for (int written = 0; written < bytes; ) {
      int length = 1 + random.nextInt(random.nextInt(10) == 0 ? piece.length : 3000);
      int offset = random.nextInt(piece.length - length + 1);
      out.write(piece, offset, length);
      written += length;
    }
  }

  /** Sends bursts of datagrams, every other of equal size, which is what a data path and the kernel join on the way. */
  public void datagrams(int bursts) throws IOException {
    try (var receiver = socket(to);
        var sender = socket(from)) {
      receiver.setSoTimeout(PATIENCE_MILLIS);
      for (int burst = 0; burst < bursts; burst++) {
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
          byte[] payload = new byte[burst % 2 == 0 ? 1200 : 1 + random.nextInt(1300)];
          random.nextBytes(payload);
          sent.add(payload);
          sender.send(new DatagramPacket(payload, payload.length, address(to), port));
        }
        for (byte[] payload : sent) {
          var packet = new DatagramPacket(new byte[2000], 2000);
          receiver.receive(packet);
          assertArrayEquals(payload, Arrays.copyOf(packet.getData(), packet.getLength()));
        }
      }
    }
  }

  /** Sends datagrams of equal size that leave the sender's kernel in one piece where nobody cuts them (UDP_SEGMENT). */
  public void joinedDatagrams(int messages) throws IOException {
    int size = 1000;
    int count = 40;
    var memory = new OffHeap(size * count);
    var target = to.address(family);
    try (var receiver = socket(to);
        var sender = from.namespace()
            .<UdpBatchSocket, IOException>call(
                () -> UdpBatchSocket.open(from.address(family), port))) {
      receiver.setSoTimeout(PATIENCE_MILLIS);
      for (int message = 0; message < messages; message++) {
        byte[] sent = new byte[memory.capacity()];
        random.nextBytes(sent);
        memory.buffer().put(0, sent);
        var batch = new SendBatch(memory, family, 1, 1);
        batch.begin(target.highBits(), target.lowBits(), port);
        batch.add(0, sent.length);
        batch.end(size);
        assertEquals(0, sender.send(batch));
        for (int at = 0; at < sent.length; at += size) {
          var packet = new DatagramPacket(new byte[2000], 2000);
          receiver.receive(packet);
          assertArrayEquals(
              Arrays.copyOfRange(sent, at, at + size),
              Arrays.copyOf(packet.getData(), packet.getLength()));
        }
      }
    }
  }

  private DatagramSocket socket(Station at) throws IOException {
    return at.namespace()
        .<DatagramSocket, IOException>call(() -> new DatagramSocket(port, address(at)));
  }

  /** Returns how many TCP segments with a wrong checksum the kernel of {@code station} has received. */
  public static long tcpChecksumErrors(Station station) throws IOException {
    var lines = station
        .namespace()
        .<List<String>, IOException>call(
            () -> Files.readAllLines(Path.of("/proc/thread-self/net/snmp")));
    var tcp = lines.stream().filter(line -> line.startsWith("Tcp:")).toList();
    var names = List.of(tcp.get(0).split(" ", -1));
    return Long.parseLong(tcp.get(1).split(" ", -1)[names.indexOf("InCsumErrors")]);
  }
}
