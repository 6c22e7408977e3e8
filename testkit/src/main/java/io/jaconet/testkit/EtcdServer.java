package io.jaconet.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
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

/**
 * A real member of etcd, a process of its own, with a data directory that goes when it is closed. Needs the programs {@code etcd} and
 * {@code etcdctl}. Not for use by several threads at once, except as its methods say.
 */
public final class EtcdServer implements AutoCloseable {
  private static final String LOOPBACK = "127.0.0.1";
  private static final Duration START = Duration.ofSeconds(30);

  private static final int MOST_TAKEN_PORTS = 100;

  /** Below those that the kernel gives to clients: a member that connects to another must not take the port of a third. */
  private static final AtomicInteger NEXT_PORT = new AtomicInteger(20_000);

  private final String name;
  private final @Nullable NetworkNamespace namespace;
  private final InetSocketAddress address;
  private final boolean tls;
  private final Path directory;
  private final ImmutableList<String> command;
  private @Nullable Process process;

  private EtcdServer(Builder builder, String name, int clientPort, int peerPort, String cluster)
      throws IOException {
    this.name = name;
    this.namespace = builder.namespace;
    this.address = new InetSocketAddress(builder.address, clientPort);
    this.tls = builder.certificate != null;
    this.directory = Files.createTempDirectory("jaconet-etcd");
    var words = ImmutableList.<String>builder();
    words.add("etcd", "--name", name);
    words.add("--data-dir", directory.resolve("data").toString());
    words.add("--listen-client-urls", endpoint(), "--advertise-client-urls", endpoint());
    words.add("--listen-peer-urls", peer(peerPort));
    words.add("--initial-advertise-peer-urls", peer(peerPort), "--initial-cluster", cluster);
    words.add("--heartbeat-interval", "50", "--election-timeout", "500");
    words.add("--log-level", "error", "--logger", "zap");
    if (builder.certificate != null) {
      words.add("--cert-file", builder.certificate.toString());
      words.add("--key-file", String.valueOf(builder.key));
    }
    if (builder.clientAuthorities != null) {
      words.add("--client-cert-auth", "--trusted-ca-file", builder.clientAuthorities.toString());
    }
    this.command = words.build();
  }

  private static String peer(int port) {
    return "http://" + LOOPBACK + ":" + port;
  }

  /** Returns a builder of members on loopback, which anybody may talk to without TLS. */
  public static Builder builder() {
    return new Builder();
  }

  /** Starts a cluster of one member on loopback. */
  public static EtcdServer start() throws IOException {
    return builder().start();
  }

  /** Starts a cluster of three members on loopback. */
  public static ImmutableList<EtcdServer> startThree() throws IOException {
    return builder().startThree();
  }

  /** Says where members are and who may talk to them. */
  public static final class Builder {
    private @Nullable NetworkNamespace namespace;
    private String address = LOOPBACK;
    private @Nullable Path certificate;
    private @Nullable Path key;
    private @Nullable Path clientAuthorities;

    private Builder() {}

    /** Sets the network namespace of the members and the address in it at which clients find them. */
    public Builder at(Station station, String address) {
      this.namespace = station.namespace();
      this.address = requireNonNull(address);
      return this;
    }

    /** Sets the certificate and private key (PEM) of the members, whom clients talk to over TLS then. */
    public Builder tls(Path certificate, Path key) {
      this.certificate = requireNonNull(certificate);
      this.key = requireNonNull(key);
      return this;
    }

    /** Sets whose certificates (PEM) clients must have one of. */
    public Builder clientAuthorities(Path authorities) {
      this.clientAuthorities = requireNonNull(authorities);
      return this;
    }

    /** Starts a cluster of one member, and waits until it takes connections. */
    public EtcdServer start() throws IOException {
      requireInstalled();
      int peerPort = freePort();
      var server = new EtcdServer(this, "alone", freePort(), peerPort, "alone=" + peer(peerPort));
      startAll(ImmutableList.of(server));
      return server;
    }

    /** Starts a cluster of three members, and waits until they take connections. */
    public ImmutableList<EtcdServer> startThree() throws IOException {
      requireInstalled();
      var peerPorts = List.of(freePort(), freePort(), freePort());
      var cluster = new ArrayList<String>();
      for (int i = 0; i < 3; i++) {
        cluster.add("m" + i + "=" + peer(peerPorts.get(i)));
      }
      var members = ImmutableList.<EtcdServer>builder();
      for (int i = 0; i < 3; i++) {
        members.add(
            new EtcdServer(this, "m" + i, freePort(), peerPorts.get(i), String.join(",", cluster)));
      }
      startAll(members.build());
      return members.build();
    }
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

  private static void requireInstalled() throws IOException {
    boolean found = List.of(System.getenv("PATH").split(File.pathSeparator)).stream()
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "etcd")));
    if (!found) {
      throw new IOException(
          "etcd is not installed (Debian: the packages etcd-server and etcd-client)");
    }
  }

  private static int freePort() throws IOException {
    for (int attempt = 1; ; attempt++) {
      int port = NEXT_PORT.getAndIncrement();
      try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return socket.getLocalPort();
      } catch (BindException taken) {
        if (attempt == MOST_TAKEN_PORTS) {
          throw new IOException(
              "no port of the loopback address can be had, up to " + port + "; is lo up?", taken);
        }
      }
    }
  }

  /** Returns the URL at which clients find it. */
  public String endpoint() {
    return (tls ? "https://" : "http://") + address.getHostString() + ":" + address.getPort();
  }

  /** Returns the name of the member within its cluster. */
  public String name() {
    return name;
  }

  /** Returns the port at which clients find it. */
  public int clientPort() {
    return address.getPort();
  }

  /** Starts the process, anew if it was stopped; its data is still there. */
  public void run() throws IOException {
    process = launch(new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(
            ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile())));
  }

  private Process launch(ProcessBuilder builder) throws IOException {
    return namespace == null ? builder.start() : namespace.start(builder);
  }

  /** Waits until the member takes connections, at most half a minute. */
  public void awaitReady() throws IOException {
    long deadline = System.nanoTime() + START.toNanos();
    while (!accepts()) {
      if (System.nanoTime() > deadline || !process().isAlive()) {
        throw new IOException("etcd does not start: " + log());
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
  }

  private boolean accepts() {
    try {
      if (namespace == null) {
        connect();
      } else {
        namespace.run(this::connect);
      }
      return true;
    } catch (IOException refused) {
      return false;
    }
  }

  private void connect() throws IOException {
    try (var socket = new Socket()) {
      socket.connect(address, 1000);
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
  public void kill() {
    process().destroyForcibly().onExit().join();
  }

  /** Stops the process where it is ({@code STOP}) or lets it go on ({@code CONT}). */
  public void signal(String signal) throws IOException {
    var kill = new ProcessBuilder("kill", "-" + signal, Long.toString(process().pid())).start();
    kill.onExit().join();
  }

  /**
   * Runs {@code etcdctl} against this member and returns what it says. May be called by several threads.
   *
   * @throws IOException if it fails
   */
  public String ctl(String... arguments) throws IOException {
    var words = ImmutableList.<String>builder()
        .add("etcdctl", "--endpoints", endpoint())
        .add(arguments)
        .build();
    var builder = new ProcessBuilder(words).redirectErrorStream(true);
    builder.environment().put("ETCDCTL_API", "3");
    var etcdctl = launch(builder);
    etcdctl.getOutputStream().close();
    var output = new String(etcdctl.getInputStream().readAllBytes(), UTF_8);
    if (etcdctl.onExit().join().exitValue() != 0) {
      throw new IOException(String.join(" ", words) + ": " + output);
    }
    return output;
  }

  /** Returns how many calls of {@code method} the member has answered, as it says itself; only of a member on this host's loopback. */
  public long answered(String method) throws IOException {
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

  /** Kills the process if it runs, and removes its data. Idempotent. */
  @Override
  public void close() throws IOException {
    if (process != null) {
      kill();
    }
    if (!Files.exists(directory)) {
      return;
    }
    try (var files = Files.walk(directory)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
