package io.jaconet.flanneld;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.testkit.Fabric;
import io.jaconet.testkit.Host;
import io.jaconet.testkit.InNetworkNamespace;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The real program on a host: joins, tells, ends, starts again. */
@InNetworkNamespace
@Timeout(120)
class DaemonTest {
  private static final String CONFIG =
      "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}";

  @TempDir
  private Path directory;

  private final Fabric fabric;

  DaemonTest() throws IOException {
    fabric = Fabric.builder()
        .prefix("fd" + ProcessHandle.current().pid() + "-")
        .hosts(1)
        .create();
  }

  @BeforeEach
  void writeConfig() throws IOException {
    Files.writeString(directory.resolve("net-conf.json"), CONFIG);
  }

  @AfterEach
  void removeHost() throws IOException {
    fabric.close();
  }

  private Host host() {
    return fabric.host(1);
  }

  private Path subnetFile() {
    return directory.resolve("run/subnet.env");
  }

  private DaemonProcess start(Map<String, String> environment, String... more) throws IOException {
    var arguments = ImmutableList.<String>builder()
        .add("--store=file:" + directory.resolve("leases"))
        .add("--net-config-path", directory.resolve("net-conf.json").toString())
        .add("-subnet-file=" + subnetFile())
        .add("--iptables-forward-rules=false")
        .add(more)
        .build();
    return DaemonProcess.start(host().namespace(), environment, arguments.toArray(String[]::new));
  }

  private DaemonProcess start(String... more) throws IOException {
    return start(Map.of(), more);
  }

  @Test
  void joinsAndWritesTheFileThatCniPluginsRead() throws Exception {
    try (var daemon = start()) {
      daemon.await("joined with 10.244.");

      var text = Files.readString(subnetFile());

      assertTrue(Pattern.matches("""
              FLANNEL_NETWORK=10\\.244\\.0\\.0/16
              FLANNEL_SUBNET=10\\.244\\.\\d+\\.1/24
              FLANNEL_MTU=1450
              FLANNEL_IPMASQ=false
              """, text), text);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT"})
  void aSignalEndsItWithStatusZeroInFiveSecondsAndTrafficGoesOn(String signal) throws Exception {
    try (var daemon = start()) {
      daemon.await("joined with 10.244.");
      var before = host().run("ip", "-o", "addr", "show", "dev", "flannel.1").output();

      long start = System.nanoTime();
      daemon.signal(signal);

      assertEquals(0, daemon.status());
      assertTrue(Duration.ofNanos(System.nanoTime() - start).toSeconds() < 5);
      assertEquals(
          before, host().run("ip", "-o", "addr", "show", "dev", "flannel.1").output());
      assertTrue(before.contains("10.244."), before);
      assertTrue(Files.exists(subnetFile()));
    }
  }

  /** T31. */
  @Test
  void theNextStartAfterAnEndOrAKillHasTheSameSubnetAndDevice() throws Exception {
    String joined;
    String device;
    try (var daemon = start()) {
      joined = daemon.await("joined with 10.244.").replaceAll(".*joined", "");
      device = device();
      daemon.signal("KILL");
      assertEquals(128 + 9, daemon.status());
    }

    try (var daemon = start()) {
      assertEquals(joined, daemon.await("joined with").replaceAll(".*joined", ""));
      assertEquals(device, device());
      daemon.signal("TERM");
      assertEquals(0, daemon.status());
    }
    Files.delete(directory.resolve("leases/leases"));

    try (var daemon = start()) {
      assertEquals(joined, daemon.await("joined with").replaceAll(".*joined", ""));
    }
  }

  private String device() throws IOException {
    return host().run("ip", "-o", "link", "show", "dev", "flannel.1").output();
  }

  @Test
  void healthIsGreenWhileAllIsWellAndSaysWhyNotElse() throws Exception {
    try (var daemon = start("--healthz-port=" + Probe.PORT, "--healthz-ip=127.0.0.1")) {
      daemon.await("joined with 10.244.");

      assertEquals(
          "HTTP/1.1 200 OK\r\n\r\nflanneld is running", Probe.of(host()).get("/healthz"));
      assertEquals("HTTP/1.1 200 OK\r\n\r\nflanneld is ready", Probe.of(host()).get("/readyz"));
      assertTrue(Probe.of(host()).get("/elsewhere").startsWith("HTTP/1.1 404 "));

      Files.delete(subnetFile());
      var withoutFile = Probe.of(host()).get("/readyz");
      assertTrue(withoutFile.startsWith("HTTP/1.1 503 "), withoutFile);
      assertTrue(withoutFile.contains(subnetFile().toString()), withoutFile);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "FLANNEL_SUBNET=10.244.99.1/24\n"})
  void theFileIsWrittenAnewWhenItIsDamaged(String damage) throws Exception {
    try (var daemon = start("--iptables-resync=1", "--healthz-port=" + Probe.PORT)) {
      daemon.await("joined with 10.244.");
      var before = Files.readString(subnetFile());

      Files.writeString(subnetFile(), damage);

      Probe.of(host()).await("/readyz", "flanneld is ready", Duration.ofSeconds(20));
      assertEquals(before, Files.readString(subnetFile()));
    }
  }

  @Test
  void anInterfaceThatIsNotThereFailsWithItsName() throws Exception {
    try (var daemon = start("--iface=eth9")) {
      assertEquals(1, daemon.status());
      assertTrue(daemon.output().contains("eth9"), daemon.output());
    }
  }

  @Test
  void aPortThatIsTakenIsSaidSo() throws Exception {
    try (var first = start("--healthz-port=" + Probe.PORT)) {
      first.await("joined with 10.244.");
      try (var second =
          start("--healthz-port=" + Probe.PORT, "--store=file:" + directory.resolve("others"))) {
        assertEquals(1, second.status());
        assertTrue(second.output().contains("--healthz-port"), second.output());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"UNIX-RECV:%s/notify,%s/notify", "ABSTRACT-RECV:jaconet%d,@jaconet%d"})
  void systemdIsToldThatItIsReadyAndThatItStops(String listenAt, String address) throws Exception {
    var listener = host()
        .namespace()
        .start(new ProcessBuilder("socat", "-u", "-d", "-d", place(listenAt), "-")
            .redirectErrorStream(true));
    try (var heard = listener.inputReader(UTF_8)) {
      awaitText(heard, "starting data transfer");
      try (var daemon = start(Map.of("NOTIFY_SOCKET", place(address)))) {
        awaitText(heard, "READY=1");
        assertTrue(Files.exists(subnetFile()));
        daemon.signal("TERM");
        awaitText(heard, "STOPPING=1");
        assertEquals(0, daemon.status());
      }
    } finally {
      listener.destroyForcibly().waitFor();
    }
  }

  private String place(String template) {
    return template
        .replace("%s", directory.toString())
        .replace("%d", Long.toString(ProcessHandle.current().pid()));
  }

  private static void awaitText(BufferedReader lines, String text) throws IOException {
    var heard = new StringBuilder();
    while (heard.indexOf(text) < 0) {
      int c = lines.read();
      assertTrue(c >= 0, () -> "never '" + text + "' in: " + heard);
      heard.append((char) c);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--bogus,2,there is no flag --bogus",
    "--healthz-port=abc,2,'abc' is not possible",
    "--help,0,usage: ./jaconet flanneld",
    "--version,0,jaconet-flanneld 0.",
    "--net-config-path=/nowhere.json,1,/nowhere.json is no file"
  })
  void theExitStatusTellsMisuseFromFailure(String argument, int status, String says)
      throws Exception {
    try (var daemon = start(argument)) {
      assertEquals(status, daemon.status());
      assertTrue(daemon.output().contains(says), daemon.output());
    }
  }

  @Test
  void aBackendThatIsNotThereFailsWithThoseThatAre() throws Exception {
    Files.writeString(
        directory.resolve("net-conf.json"),
        "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"wireguard\"}}");

    try (var daemon = start()) {
      assertEquals(1, daemon.status());
      assertTrue(daemon.output().contains("wireguard"), daemon.output());
      assertTrue(daemon.output().contains("vxlan"), daemon.output());
    }
  }

  @Test
  void aQuietStartIsAFewLinesOneForEachStateAndWithoutSecrets() throws Exception {
    try (var daemon = start(Map.of("FLANNELD_ETCD_PASSWORD", ""))) {
      daemon.await("joined with 10.244.");
      daemon.signal("TERM");
      assertEquals(0, daemon.status());

      var output = daemon.output();
      assertEquals(
          1, output.lines().filter(line -> line.contains("flanneld: UP")).count(), output);
      assertEquals(
          1, output.lines().filter(line -> line.contains("flanneld: CLOSED")).count(), output);
      assertTrue(output.lines().count() <= 12, output);
      assertFalse(output.contains("\tat "), output);
    }
  }
}
