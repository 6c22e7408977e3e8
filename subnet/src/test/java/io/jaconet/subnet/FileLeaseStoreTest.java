package io.jaconet.subnet;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import io.jaconet.spi.LeaseStore;
import io.jaconet.testkit.LeaseStoreContract;
import io.jaconet.testkit.crash.CrashCampaign;
import io.jaconet.testkit.crash.CrashScenario;
import io.jaconet.testkit.crash.JavaPrograms;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class FileLeaseStoreTest implements LeaseStoreContract {
  private static final Subnets SUBNETS = Subnets.of(IpPrefix.parse("10.5.52.0/24"));
  private static final int SLACK = 1000;

  @TempDir
  private Path temporary;

  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private int stores;

  @Override
  public LeaseStore newStore() throws IOException {
    return FileLeaseStore.open(temporary.resolve("store-" + stores++));
  }

  @Override
  public Duration shortestTimeToLive() {
    return Duration.ofMillis(20);
  }

  @Test
  void findsEverythingAgainAfterARestart() throws IOException {
    LeaseStore.Snapshot before;
    try (var store = open()) {
      store.create(SUBNETS, "{\"text\":\"\ud83d\ude00 \ud800 \\u0000\"}\n", "node \"1\"", null);
      var second = store.create(
          Subnets.parseKey("10.5.53.0-24&fd00:5::-64"), "", "node-2", Duration.ofHours(1));
      store.update(second, "again", "node-3", Duration.ofHours(2));
      store.delete(store.create(Subnets.parseKey("10.5.54.0-24"), "", "node-2", null));
      before = store.list();
    }

    try (var store = open()) {
      assertEquals(before, store.list());
      assertThrows(
          LeaseStore.ConflictException.class,
          () -> store.create(Subnets.parseKey("10.5.55.0-24&fd00:5::-64"), "", "node-4", null));
    }
  }

  @Test
  void endsLeasesByTheWallClockAlsoWhileNobodyHasItOpen() throws IOException {
    long revision;
    try (var store = open()) {
      revision = store.create(SUBNETS, "", "node-1", Duration.ofHours(1)).revision();
    }

    now = now.plus(Duration.ofMinutes(59));
    try (var store = open()) {
      assertEquals(Duration.ofMinutes(1), store.list().entries().get(0).timeToLive());
    }
    now = now.plus(Duration.ofMinutes(1));
    try (var store = open()) {
      var snapshot = store.list();
      assertEquals(ImmutableList.of(), snapshot.entries());
      assertTrue(snapshot.revision() > revision, snapshot + " is not after " + revision);
    }
  }

  @Test
  void failsAWatchFromAnEarlierRun() throws Exception {
    try (var store = open()) {
      store.create(SUBNETS, "", "node-1", null);
    }
    try (var store = open()) {
      var failures = new LinkedBlockingQueue<IOException>();
      store.watch(0, new LeaseStore.Watcher() {
        @Override
        public void onEvents(ImmutableList<LeaseStore.Event> events) {}

        @Override
        public void onFailure(IOException cause) {
          failures.add(cause);
        }
      });

      assertTrue(failures.poll(30, SECONDS) != null, "the watch goes on");
    }
  }

  @Test
  void hidesFromOtherUsers() throws IOException {
    try (var store = FileLeaseStore.open(temporary.resolve("a/b"))) {
      store.create(SUBNETS, "", "node-1", null);

      for (var directory : List.of("a", "a/b")) {
        assertEquals("rwxr-x---", mode(temporary.resolve(directory)));
      }
      for (var file : List.of("leases", "lock", "holder")) {
        assertEquals("rw-r-----", mode(temporary.resolve("a/b").resolve(file)));
      }
    }
  }

  @Test
  void aWriteAmongFiveThousandLeasesIsALineAndNotTheFile() throws IOException {
    Files.createDirectories(directory());
    try (var log = LeaseLog.open(file(), new RecordTable(), 0)) {
      var table = new RecordTable();
      for (int i = 0; i < 5000; i++) {
        table.apply(table.overwrite(
            "10." + (i >> 8) + "." + (i & 255) + ".0-24", "x".repeat(200), "node", null, 0));
      }
      long before = Files.size(file());
      log.append(table.overwrite("10.0.0.0-24", "x".repeat(200), "node", null, 0), table);

      assertTrue(
          Files.size(file()) - before < 400,
          () -> "the file grew from " + before + " to " + file().toFile().length());
    }
  }

  /** Scenario T17: whatever moment the process is killed at, each write is there as a whole or not at all. */
  @Test
  @Timeout(60)
  void killedAtAnyMomentItHasAllThatWasAcknowledgedAndNothingTorn() throws Exception {
    long seed = new Random().nextLong();
    var random = new Random(seed);
    int written = 0;
    for (int round = 0; round < 5; round++) {
      var child = child(written, written + 1_000_000);
      try (var output = child.inputReader(StandardCharsets.UTF_8)) {
        assertEquals("open", output.readLine(), "seed " + seed);
        int acknowledged = written;
        for (int lines = random.nextInt(200); lines > 0; lines--) {
          acknowledged = Integer.parseInt(output.readLine()) + 1;
        }
        kill(child);
        acknowledged = drain(output, acknowledged);
        child.waitFor();
        written = assertHolds(acknowledged, "seed " + seed + " round " + round);
      }
    }
  }

  /** T17. */
  @Test
  void killedAtAnySystemCallItHasAllThatWasAcknowledgedAndNothingTorn() throws Exception {
    killAt(8);
  }

  @Tag("nightly")
  @Test
  void killedAtEverySystemCallItHasAllThatWasAcknowledgedAndNothingTorn() throws Exception {
    killAt(500);
  }

  private void killAt(int points) throws Exception {
    assumeTrue(CrashCampaign.isPossible(), "needs strace, and the right to trace a child");
    var programs = JavaPrograms.packedIn(temporary, FileLeaseStoreTest.class);
    long seed = new Random().nextLong();
    var campaign = new CrashCampaign(
        new Writes(programs),
        (name, point) -> "mvn test -pl subnet -am -Dtest=FileLeaseStoreTest -Pnightly"
            + " -Dsurefire.failIfNoSpecifiedTests=false");

    System.out.println(campaign.run(points, seed) + ", seed " + seed);
  }

  /** Thirty writes into a store that is made by the first. */
  private final class Writes implements CrashScenario {
    private final JavaPrograms programs;

    Writes(JavaPrograms programs) {
      this.programs = programs;
    }

    @Override
    public String name() {
      return "FileLeaseStore";
    }

    @Override
    public World newWorld() throws IOException {
      MoreFiles.deleteDirectoryContents(
          Files.createDirectories(directory()), RecursiveDeleteOption.ALLOW_INSECURE);
      return new World() {
        private int acknowledged;

        @Override
        public Process start() throws IOException {
          return programs
              .program(TracedLeaseFileWriter.class, directory(), 0, 30)
              .start();
        }

        @Override
        public boolean isDone(String line) {
          if (!line.equals("open")) {
            acknowledged = Integer.parseInt(line) + 1;
          }
          return false;
        }

        @Override
        public void recover() throws IOException {
          assertHolds(acknowledged, "after " + acknowledged + " writes");
        }

        @Override
        public void close() {}
      };
    }
  }

  /** Asserts that the store holds what so many writes made, or one more that nobody heard of; returns how many. */
  private int assertHolds(int acknowledged, String what) throws IOException {
    try (var store = FileLeaseStore.open(directory())) {
      var held = new TreeMap<String, String>();
      store.list().entries().forEach(entry -> held.put(entry.key(), entry.value()));
      boolean oneMore = held.equals(LeaseFileWriter.stateAfter(acknowledged + 1));
      if (!oneMore) {
        assertEquals(LeaseFileWriter.stateAfter(acknowledged), held, what);
      }
      return oneMore ? acknowledged + 1 : acknowledged;
    }
  }

  private static int drain(BufferedReader output, int acknowledged) throws IOException {
    int last = acknowledged;
    for (var line = output.readLine(); line != null && !line.isEmpty(); line = output.readLine()) {
      last = Integer.parseInt(line) + 1;
    }
    return last;
  }

  /** Scenario T25. */
  @Test
  @Timeout(60)
  void tellsASecondProcessWhoHasIt() throws Exception {
    try (var store = FileLeaseStore.open(directory())) {
      var twice = assertThrows(IOException.class, () -> FileLeaseStore.open(directory()));
      var child = child(0, 1);
      var answer = child.inputReader(StandardCharsets.UTF_8).readLine();
      child.waitFor();

      var who = "is in use by process " + ProcessHandle.current().pid() + " since 2";
      assertTrue(answer != null && answer.contains(directory() + " " + who), () -> "" + answer);
      assertTrue(String.valueOf(twice.getMessage()).contains(who), twice::toString);
      store.create(SUBNETS, "", "node-1", null);
    }
    var child = child(0, 0);
    assertEquals("open", child.inputReader(StandardCharsets.UTF_8).readLine());
    child.waitFor();
  }

  @Test
  @Timeout(60)
  void isToldWhichOtherProcessHasItAndMayHaveItOnceThatIsKilled() throws Exception {
    var child = child(0, 1_000_000);
    try (var output = child.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("open", output.readLine());
      var refusal = assertThrows(IOException.class, () -> FileLeaseStore.open(directory()));
      kill(child);
      child.waitFor();

      assertTrue(
          String.valueOf(refusal.getMessage()).contains("process " + child.pid() + " since "),
          refusal::toString);
      FileLeaseStore.open(directory()).close();
    }
  }

  @Test
  void aLineWithoutItsEndIsCutOffAndKeptAside() throws IOException {
    var states = writeSome();
    var content = Files.readAllBytes(file());
    int header = endOfLine(content, 0);

    for (int length = header; length < content.length; length += 1 + length % 13) {
      Files.write(file(), Arrays.copyOf(content, length));
      int complete = lastLineEnd(content, length);
      Files.deleteIfExists(directory().resolve("leases.torn"));
      try (var store = open()) {
        assertEquals(states.get(complete), values(store), "cut to " + length + " bytes");
      }
      assertEquals(
          complete < length,
          Files.exists(directory().resolve("leases.torn")),
          "cut to " + length + " bytes");
    }
  }

  @Test
  void refusesAFileThatIsDamagedAndLeavesItAsItIs() throws IOException {
    writeSome();
    var content = Files.readAllBytes(file());
    long seed = new Random().nextLong();
    var random = new Random(seed);

    for (int i = 0; i < 60; i++) {
      var damaged = content.clone();
      int at = random.nextInt(content.length - 1);
      damaged[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(file(), damaged);

      var what = "seed " + seed + ", byte " + at;
      var refusal = assertThrows(IOException.class, this::open, what);
      var message = String.valueOf(refusal.getMessage());
      assertTrue(
          message.contains(file() + " is damaged in line ") && message.contains("mv " + file()),
          message);
      assertEquals(-1, Arrays.mismatch(damaged, Files.readAllBytes(file())), what);
    }
  }

  @Test
  void refusesAnyOtherFile() throws IOException {
    Files.createDirectories(directory());
    for (var content : List.of(
        "",
        "\n",
        "hello",
        "FLANNEL_NETWORK=10.5.0.0/16\n",
        "{}\n",
        "00000000 {}\n",
        "\u0000".repeat(100),
        "00000000 " + "[".repeat(100_000) + "\n")) {
      Files.writeString(file(), content);

      var refusal = assertThrows(IOException.class, this::open, content);
      assertTrue(
          String.valueOf(refusal.getMessage()).contains(file().toString()), refusal::toString);
      assertEquals(content, Files.readString(file()));
    }
  }

  /** Class E of bad input: never waits, never follows, never reads without end. */
  @Test
  @Timeout(30)
  void refusesWhatIsNoRegularFile() throws Exception {
    Files.createDirectories(directory());
    var elsewhere = Files.writeString(temporary.resolve("elsewhere"), "precious");
    for (var name : List.of("lock", "leases")) {
      var file = directory().resolve(name);
      Files.createDirectory(file);
      assertRefusedNaming(file);
      Files.delete(file);

      Files.createSymbolicLink(file, elsewhere);
      assertRefusedNaming(file);
      assertEquals("precious", Files.readString(elsewhere));
      Files.delete(file);

      assertEquals(0, new ProcessBuilder("mkfifo", file.toString()).start().waitFor());
      assertRefusedNaming(file);
      Files.delete(file);
    }
  }

  @Test
  void refusesAFileOfAbsurdSizeWithoutReadingIt() throws IOException {
    Files.createDirectories(directory());
    try (var file = new RandomAccessFile(file().toFile(), "rw")) {
      file.setLength(1L << 34);
    }

    assertRefusedNaming(file());
  }

  @Test
  void aFileInPlaceOfTheDirectoryIsNamed() throws IOException {
    Files.writeString(directory(), "");

    var refusal = assertThrows(IOException.class, this::open);
    assertTrue(
        String.valueOf(refusal.getMessage()).contains(directory().toString()), refusal::toString);
  }

  private void assertRefusedNaming(Path file) {
    var refusal = assertThrows(IOException.class, this::open);
    assertTrue(String.valueOf(refusal.getMessage()).contains(file.toString()), refusal::toString);
    assertFalse(Files.exists(directory().resolve("holder")), "the lock was not given free");
  }

  /** Writes some records and returns what the store held, by the length of its file. */
  private Map<Integer, Map<String, String>> writeSome() throws IOException {
    var states = new TreeMap<Integer, Map<String, String>>();
    try (var store = open()) {
      states.put((int) Files.size(file()), Map.of());
      var first = store.create(SUBNETS, "first", "node-1", null);
      states.put((int) Files.size(file()), values(store));
      store.create(Subnets.parseKey("10.5.53.0-24"), "ä".repeat(20), "node-2", Duration.ofDays(1));
      states.put((int) Files.size(file()), values(store));
      store.delete(first);
      states.put((int) Files.size(file()), values(store));
    }
    return states;
  }

  private static Map<String, String> values(LeaseStore store) throws IOException {
    var values = new TreeMap<String, String>();
    store.list().entries().forEach(entry -> values.put(entry.key(), entry.value()));
    return values;
  }

  private static int endOfLine(byte[] content, int from) {
    int at = from;
    while (content[at] != '\n') {
      at++;
    }
    return at + 1;
  }

  private static int lastLineEnd(byte[] content, int length) {
    int end = 0;
    while (end < length && endOfLine(content, end) <= length) {
      end = endOfLine(content, end);
    }
    return end;
  }

  private FileLeaseStore open() throws IOException {
    return FileLeaseStore.open(directory(), clock(), SLACK);
  }

  private InstantSource clock() {
    return () -> now;
  }

  private Path directory() {
    return temporary.resolve("leases.d");
  }

  private Path file() {
    return directory().resolve("leases");
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private Process child(int from, int to) throws IOException {
    var classPath = String.join(
        File.pathSeparator,
        Path.of(System.getProperty("basedir", "."), "target", "test-classes").toString(),
        System.getProperty("jdk.module.path", ""),
        System.getProperty("java.class.path", ""));
    var command = List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        classPath,
        LeaseFileWriter.class.getName(),
        directory().toString(),
        Integer.toString(from),
        Integer.toString(to));
    return new ProcessBuilder(command)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /** Kills without closing the output, of which some may not have been read. */
  private static void kill(Process child) {
    child.toHandle().destroyForcibly();
  }
}
