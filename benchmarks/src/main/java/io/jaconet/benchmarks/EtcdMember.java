package io.jaconet.benchmarks;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** An etcd of one member on loopback, with a data directory that goes when it is closed. */
final class EtcdMember implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(30);

  private final int port = freePort();
  private final Path directory = Files.createTempDirectory("jbench-etcd");
  private final Process process;

  private EtcdMember() throws IOException {
    var peer = "http://127.0.0.1:" + freePort();
    this.process = new ProcessBuilder(
            "etcd",
            "--data-dir",
            directory.resolve("data").toString(),
            "--listen-client-urls",
            endpoint(),
            "--advertise-client-urls",
            endpoint(),
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            "default=" + peer)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("log").toFile())
        .start();
  }

  /** Starts a member and waits until it takes connections. */
  static EtcdMember start() throws IOException {
    var member = new EtcdMember();
    long deadline = System.nanoTime() + START.toNanos();
    while (!member.accepts()) {
      if (System.nanoTime() > deadline || !member.process.isAlive()) {
        var log = Files.readString(member.directory.resolve("log"));
        member.close();
        throw new IOException("etcd does not start: " + log);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    return member;
  }

  private boolean accepts() {
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
      return true;
    } catch (IOException refused) {
      return false;
    }
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  String endpoint() {
    return "http://127.0.0.1:" + port;
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly().onExit().join();
    try (var files = Files.walk(directory)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
