package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The daemon as a process of its own, in a network namespace, and what it prints. */
final class DaemonProcess implements AutoCloseable {
  private static final String END = "(the end)";

  /** A shell has what runs in its background ignore SIGINT, and so would a child. */
  private static final ImmutableList<String> JAVA = ImmutableList.of(
      "env",
      "--default-signal=INT",
      Path.of(System.getProperty("java.home"), "bin", "java").toString());

  private final Process process;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private final StringBuilder output = new StringBuilder();
  private final Thread reader;

  private DaemonProcess(Process process) {
    this.process = process;
    this.reader = new Thread(this::read, "daemon-output");
    reader.setDaemon(true);
    reader.start();
  }

  static DaemonProcess start(
      NetworkNamespace namespace, Map<String, String> environment, String... arguments)
      throws IOException {
    var builder = new ProcessBuilder(command(List.of(arguments))).redirectErrorStream(true);
    builder.environment().putAll(environment);
    return new DaemonProcess(namespace.start(builder));
  }

  /** Starts a main class of the tests, in this process's network namespace. */
  static DaemonProcess start(Class<?> main) throws IOException {
    var tests = main.getProtectionDomain().getCodeSource().getLocation().getPath();
    var classPath = String.join(
        File.pathSeparator,
        tests,
        System.getProperty("jdk.module.path"),
        System.getProperty("java.class.path"));
    return new DaemonProcess(new ProcessBuilder(ImmutableList.<String>builder()
            .addAll(JAVA)
            .add("-cp", classPath, main.getName())
            .build())
        .redirectErrorStream(true)
        .start());
  }

  private static ImmutableList<String> command(List<String> arguments) {
    return ImmutableList.<String>builder()
        .addAll(JAVA)
        // As ./jaconet starts it: from there on the JVM warns of native code otherwise.
        .addAll(
            Runtime.version().feature() < 22
                ? List.of()
                : List.of("--enable-native-access=org.jnrproject.jffi,io.grpc.netty.shaded"))
        .add("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        // What no module asks for by name, as the native part of a library, is on the class path.
        .add("-cp", System.getProperty("java.class.path"))
        .add("-p", System.getProperty("jdk.module.path"))
        .add("-m", "io.jaconet.flanneld/io.jaconet.flanneld.Flanneld")
        .addAll(arguments)
        .build();
  }

  private void read() {
    try (var reader = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      for (var line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add(e.toString());
    }
    lines.add(END);
  }

  /** Waits for a line that contains {@code text}, and returns it. */
  String await(String text) throws InterruptedException {
    for (; ; ) {
      var line = lines.poll(30, TimeUnit.SECONDS);
      assertTrue(line != null && !line.equals(END), () -> "never '" + text + "' in: " + output);
      output.append(line).append('\n');
      if (line.contains(text)) {
        return line;
      }
    }
  }

  /** Sends a signal to the daemon, which is what nsenter becomes. */
  void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
  }

  /** Waits for the end, and returns the exit status. */
  int status() throws InterruptedException {
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "still runs");
    return process.exitValue();
  }

  /** Returns everything that was printed, once the process has ended. */
  String output() throws InterruptedException {
    reader.join();
    for (var line = lines.poll(); line != null && !line.equals(END); line = lines.poll()) {
      output.append(line).append('\n');
    }
    return output.toString();
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}
