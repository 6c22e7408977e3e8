package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/** A real member of etcd, a process of its own on loopback; with a data directory that goes when it is closed. */
final class EtcdServer implements AutoCloseable {
  /** Below those that the kernel gives to clients: a member that connects to another must not take the port of a third. */
  private static final AtomicInteger NEXT_PORT = new AtomicInteger(20_000);

  private static final Duration START = Duration.ofSeconds(30);

  private final String name;
  private final int clientPort;
  private final Path directory;
  private final List<String> command;
  private final @Nullable Certificates tls;
  private @Nullable Process process;

  private EtcdServer(
      String name, int clientPort, int peerPort, String cluster, @Nullable Certificates tls)
      throws IOException {
    this.name = name;
    this.clientPort = clientPort;
    this.tls = tls;
    this.directory = Files.createTempDirectory("jaconet-etcd");
    var command = new ArrayList<String>(List.of(
        "etcd",
        "--name",
        name,
        "--data-dir",
        directory.resolve("data").toString(),
        "--listen-client-urls",
        endpoint(),
        "--advertise-client-urls",
        endpoint(),
        "--listen-peer-urls",
        "http://127.0.0.1:" + peerPort,
        "--initial-advertise-peer-urls",
        "http://127.0.0.1:" + peerPort,
        "--initial-cluster",
        cluster,
        "--heartbeat-interval",
        "50",
        "--election-timeout",
        "500",
        "--log-level",
        "error",
        "--logger",
        "zap"));
    if (tls != null) {
      command.addAll(List.of(
          "--cert-file",
          tls.file("server.pem").toString(),
          "--key-file",
          tls.file("server.key").toString()));
      if (tls.clientsNeedOne()) {
        command.addAll(List.of(
            "--client-cert-auth", "--trusted-ca-file", tls.file("ca.pem").toString()));
      }
    }
    this.command = ImmutableList.copyOf(command);
  }

  /** Starts a cluster of one member. */
  static EtcdServer start() throws IOException {
    return start(null);
  }

  /** Starts a cluster of one member that clients talk to over TLS. */
  static EtcdServer start(@Nullable Certificates tls) throws IOException {
    requireInstalled();
    int peerPort = freePort();
    var server =
        new EtcdServer("alone", freePort(), peerPort, "alone=http://127.0.0.1:" + peerPort, tls);
    startAll(ImmutableList.of(server));
    return server;
  }

  /** Starts a cluster of three members. */
  static ImmutableList<EtcdServer> startThree() throws IOException {
    requireInstalled();
    var peerPorts = List.of(freePort(), freePort(), freePort());
    var cluster = new ArrayList<String>();
    for (int i = 0; i < 3; i++) {
      cluster.add("m" + i + "=http://127.0.0.1:" + peerPorts.get(i));
    }
    var members = ImmutableList.<EtcdServer>builder();
    for (int i = 0; i < 3; i++) {
      members.add(
          new EtcdServer("m" + i, freePort(), peerPorts.get(i), String.join(",", cluster), null));
    }
    startAll(members.build());
    return members.build();
  }

  /** Starts the members, or none: one that fails must not leave the others running. */
  private static void startAll(ImmutableList<EtcdServer> members) throws IOException {
    try {
      for (var member : members) {
        member.run();
      }
      for (var member : members) {
        member.awaitReady();
      }
    } catch (IOException e) {
      for (var member : members) {
        member.close();
      }
      throw e;
    }
  }

  private static void requireInstalled() {
    boolean found = List.of(System.getenv("PATH").split(File.pathSeparator)).stream()
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "etcd")));
    if (!found && "true".equals(System.getenv("CI"))) {
      throw new AssertionError("etcd is required here");
    }
    if (!found) {
      throw new TestAbortedException("etcd is not installed (Debian: etcd-server)");
    }
  }

  private static int freePort() throws IOException {
    while (true) {
      int port = NEXT_PORT.getAndIncrement();
      try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return socket.getLocalPort();
      } catch (BindException taken) {
        // The next one, then.
      }
    }
  }

  String endpoint() {
    return (tls == null ? "http" : "https") + "://127.0.0.1:" + clientPort;
  }

  String name() {
    return name;
  }

  int clientPort() {
    return clientPort;
  }

  /** Starts the process, anew if it was stopped; its data is still there. */
  void run() throws IOException {
    process = new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(
            ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()))
        .start();
  }

  /** Waits until the member takes connections. */
  void awaitReady() throws IOException {
    long deadline = System.nanoTime() + START.toNanos();
    while (!accepts()) {
      if (System.nanoTime() > deadline || !process().isAlive()) {
        throw new IOException("etcd does not start: " + log());
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
  }

  private boolean accepts() {
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), clientPort), 1000);
      return true;
    } catch (IOException refused) {
      return false;
    }
  }

  private String log() {
    try {
      return Files.readString(directory.resolve("log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Process process() {
    if (process == null) {
      throw new IllegalStateException(name + " was never started");
    }
    return process;
  }

  /** Kills the process, as a power cut does. */
  void kill() {
    process().destroyForcibly().onExit().join();
  }

  /** Stops the process where it is ({@code STOP}) or lets it go on ({@code CONT}). */
  void signal(String signal) throws IOException {
    var kill = new ProcessBuilder("kill", "-" + signal, Long.toString(process().pid())).start();
    kill.onExit().join();
  }

  /** Runs {@code etcdctl} against this member and returns what it says. */
  String ctl(String... arguments) throws IOException {
    var command = new ArrayList<>(List.of("etcdctl", "--endpoints", endpoint()));
    if (tls != null) {
      command.addAll(List.of(
          "--cacert",
          tls.file("ca.pem").toString(),
          "--cert",
          tls.file("client.pem").toString(),
          "--key",
          tls.file("client.key").toString()));
    }
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("ETCDCTL_API", "3");
    var etcdctl = builder.start();
    etcdctl.getOutputStream().close();
    var output = new String(etcdctl.getInputStream().readAllBytes(), UTF_8);
    if (etcdctl.onExit().join().exitValue() != 0) {
      throw new IOException(String.join(" ", command) + ": " + output);
    }
    return output;
  }

  /** Returns how many calls of {@code method} the member has answered, as it says itself. */
  long answered(String method) throws IOException {
    var metrics = URI.create(endpoint() + "/metrics").toURL();
    try (var in = metrics.openStream()) {
      return new String(in.readAllBytes(), UTF_8)
          .lines()
          .filter(line -> line.startsWith("grpc_server_handled_total")
              && line.contains("grpc_method=\"" + method + "\""))
          .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
          .sum();
    }
  }

  @Override
  public void close() throws IOException {
    if (process != null) {
      kill();
    }
    try (var files = Files.walk(directory)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
