package io.jaconet.subnet;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Proof that the campaign can fail: a fault is planted in a copy of the sources, that copy is compiled, and in a process that
 * has it in place of the original the campaign has to break a promise.
 */
class PlantedFaultsTest {
  static {
    System.setProperty("org.slf4j.simpleLogger.log.io.jaconet", "off");
  }

  private static final int EPISODES = 2000;

  @TempDir
  private Path directory;

  /** A part of a source, and what stands there instead. */
  private record Edit(String module, String source, String right, String wrong) {
    Path file() {
      return Path.of("..", module, "src", "main", "java", "io", "jaconet").resolve(source);
    }
  }

  /** A fault, in words and as edits. */
  private record Fault(String name, String words, ImmutableList<Edit> edits) {
    Fault(String name, String words, Edit... edits) {
      this(name, words, ImmutableList.copyOf(edits));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static Edit engine(String right, String wrong) {
    return new Edit("core", "NetworkEngine.java", right, wrong);
  }

  private static Edit dataPath(String right, String wrong) {
    return new Edit("core", "DataPathKeeper.java", right, wrong);
  }

  private static Edit keeper(String right, String wrong) {
    return new Edit("core", "LeaseKeeper.java", right, wrong);
  }

  private static Edit reconciler(String right, String wrong) {
    return new Edit("core", "PeerReconciler.java", right, wrong);
  }

  private static Edit table(String right, String wrong) {
    return new Edit("linux", "linux/PeerTable.java", right, wrong);
  }

  private static Edit manager(String right, String wrong) {
    return new Edit("subnet", "subnet/StoreSubnetManager.java", right, wrong);
  }

  private static Edit records(String right, String wrong) {
    return new Edit("subnet", "subnet/RecordTable.java", right, wrong);
  }

  private static Edit admission(String right, String wrong) {
    return new Edit("core", "overlay/LeaseAdmission.java", right, wrong);
  }

  private static final ImmutableList<Fault> FAULTS = ImmutableList.of(
      new Fault(
          "F1",
          "a record that cannot be read removes every peer",
          reconciler(
              "    var subnets = record.subnets();\n    if (subnets != null) {\n      remove(subnets);\n    }\n",
              "    ImmutableList.copyOf(candidates.keySet()).forEach(this::remove);\n")),
      new Fault(
          "F2",
          "a snapshot hides that a peer has changed",
          reconciler(
              "      put(lease);\n    }\n    gone",
              "      if (!candidates.containsKey(lease.subnets())) {\n        put(lease);\n      }\n    }\n    gone")),
      new Fault(
          "F3",
          "the own lease counts as a peer",
          engine("if (lease.subnets().equals(own)) {", "if (lease.subnets() == null) {"),
          admission("if (mine.isPresent() && mine.get().overlaps(subnet)) {", "if (false) {"),
          admission(
              "    if (underlay.addresses().containsValue(endpoint)\n        || underlay.publicIps().containsValue(endpoint)) {",
              "    if (false) {")),
      new Fault(
          "F4",
          "a dual-stack record is guarded by its whole key only",
          records(
              "      for (var key : claims.get(prefix)) {\n        throw",
              "      for (var key : claims.get(prefix)) {\n        if (key.equals(subnets.key())) throw")),
      new Fault(
          "F5",
          "a renewal writes over whatever is there",
          manager(
              "if (sameContent && (entry.holder() == null || nodeId.equals(entry.holder()))) {",
              "if (entry != null) {")),
      new Fault(
          "F6",
          "the loser of a race for a subnet does not try again",
          manager(
              "        if (attempt == ATTEMPTS) {\n          throw new IOException(\n              \"lost",
              "        if (attempt >= 1) {\n          throw new io.jaconet.overlay.NoFreeSubnetException(\"lost a race\");\n        }\n        if (attempt == ATTEMPTS) {\n          throw new IOException(\n              \"lost")),
      new Fault(
          "F7",
          "any lease is admitted",
          admission(
              "  public Optional<String> refuse(Lease lease) {\n",
              "  public Optional<String> refuse(Lease lease) {\n    if (lease != null) {\n      return Optional.empty();\n    }\n")),
      new Fault(
          "F10",
          "nobody compares the kernel with what is wanted",
          dataPath("        audit();\n        listener.tick();\n", "        listener.tick();\n")),
      new Fault(
          "crowded out",
          "a record that covers the whole range leaves no subnet to anybody",
          new Edit(
              "subnet",
              "subnet/FreeSubnets.java",
              "List.of(taken, certainlyTaken)",
              "List.of(taken, taken)")),
      new Fault(
          "no fence",
          "the end of the lease stops nothing",
          keeper(
              "      fence(\"the lease could not be renewed before its end\");\n",
              "      fenced = true;\n")),
      new Fault(
          "late deadline",
          "the deadline counts from the answer, not from the request",
          keeper("sentNanos = sentAt;", "sentNanos = clock.nanos();")),
      new Fault(
          "one clock",
          "a suspension is not noticed",
          new Edit(
              "core",
              "WorseClock.java",
              "Math.max(monotonic - lastNanos, byWall)",
              "monotonic - lastNanos")),
      new Fault(
          "rare looks",
          "the clocks are compared every 30 seconds",
          keeper(
              "LONGEST_CHECK = Duration.ofSeconds(1)", "LONGEST_CHECK = Duration.ofSeconds(30)")),
      new Fault(
          "leaky fence",
          "a fence stops no traffic",
          dataPath(
              "      call(backend::suspend);\n",
              "      if (closed) {\n        call(backend::suspend);\n      }\n")),
      new Fault(
          "fenced for ever",
          "a lease that is proven again does not end the fence",
          engine("if (!moved && !wasFenced) {", "if (!moved) {")),
      new Fault(
          "deaf",
          "a watch that broke is not begun anew",
          new Edit(
              "core",
              "StoreWatch.java",
              "      timer = loop.schedule(backoff.next(), this::restart);\n",
              "")),
      new Fault(
          "hasty health",
          "the network is up before the kernel knows what was missed",
          engine(
              "        dataPath.flush();\n        // Not before the kernel knows what was missed.\n        note(Concern.WATCH, null);\n",
              "        note(Concern.WATCH, null);\n        dataPath.scheduleFlush();\n")),
      new Fault(
          "borrowed renewal",
          "the write of an earlier attempt counts as that of a later one",
          manager(
              "      entry = store.update(found, value, nodeId, timeToLive);\n",
              "      entry = found;\n")),
      new Fault(
          "lost FDB",
          "an FDB entry that is gone is not put back",
          table(
              "      if (wish.seen != round && doubted.contains(EntryKind.of(wish.entry))) {\n",
              "      if (wish.seen != round && EntryKind.of(wish.entry) != EntryKind.FDB && doubted.contains(EntryKind.of(wish.entry))) {\n")),
      new Fault(
          "no sweep",
          "what belongs to no peer stays in the kernel",
          table(
              "        if (wish == null || wish.seen == round) {\n          remove(found, plan);\n",
              "        if (wish == null || wish.seen == round) {\n")),
      new Fault(
          "no renewal",
          "the lease is not renewed",
          keeper("Duration latest = ttl.minus(margin);", "Duration latest = ttl.plus(margin);")),
      new Fault(
          "peers for ever",
          "a peer that goes is not removed",
          reconciler("        remove(removed.subnets());\n", "")),
      new Fault(
          "blind store",
          "the store writes without comparing revisions",
          records("if (row.revision != expected.revision()) {", "if (row.revision < 0) {")),
      new Fault(
          "no backoff",
          "a failed call to the store is made again at once",
          keeper(
              "loop.nanoTime() + (joined ? backoff : untilJoined).next().toNanos()",
              "loop.nanoTime()")));

  private static Stream<Fault> all() {
    return FAULTS.stream();
  }

  @Test
  @Tag("nightly")
  void withoutAFaultTheSameEpisodesPass() throws Exception {
    assertEquals("", brokenPromise(new Fault("none", "nothing is wrong"), 600));
  }

  @ParameterizedTest
  @MethodSource("all")
  void fitsTheSourcesAsTheyAre(Fault fault) throws Exception {
    assertFalse(faulty(fault).isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {"F1", "F5"})
  void theCampaignCatches(String name) throws Exception {
    catches(all().filter(fault -> fault.name().equals(name)).findFirst().orElseThrow());
  }

  @ParameterizedTest
  @MethodSource("all")
  @Tag("nightly")
  void theCampaignCatchesEach(Fault fault) throws Exception {
    catches(fault);
  }

  private void catches(Fault fault) throws Exception {
    var broken = brokenPromise(fault, EPISODES);

    assertFalse(broken.isEmpty(), () -> "nobody noticed: " + fault.words());
    System.out.println("| " + fault.name() + " | " + fault.words() + " | " + broken + " |");
  }

  /** Returns the first promise that is broken with a fault, with the number of its episode; empty if none is. */
  private String brokenPromise(Fault fault, int episodes) throws Exception {
    var classPath = classPath();
    compile(fault, classPath);
    var process = new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            "-cp",
            directory.resolve("classes")
                + File.pathSeparator
                + String.join(File.pathSeparator, classPath),
            FirstBrokenPromise.class.getName(),
            Integer.toString(episodes))
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
    var said = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    assertEquals(0, process.waitFor());
    return said;
  }

  private static Set<String> classPath() {
    Set<String> entries = new LinkedHashSet<>();
    entries.add(Path.of("target", "test-classes").toAbsolutePath().toString());
    entries.add(Path.of("target", "classes").toAbsolutePath().toString());
    for (var property : List.of("jdk.module.path", "java.class.path")) {
      for (var entry :
          Splitter.on(File.pathSeparatorChar).split(System.getProperty(property, ""))) {
        if (!entry.isEmpty()) {
          entries.add(entry);
        }
      }
    }
    return entries;
  }

  /** Returns the sources that the fault is in, by their names. */
  private static Map<String, String> faulty(Fault fault) throws IOException {
    Map<String, String> sources = new LinkedHashMap<>();
    for (var edit : fault.edits()) {
      var text = sources.containsKey(edit.source())
          ? sources.get(edit.source())
          : Files.readString(edit.file());
      assertEquals(
          2,
          Splitter.on(edit.right()).splitToList(text).size(),
          () -> edit.source() + " has not exactly one: " + edit.right());
      sources.put(edit.source(), text.replace(edit.right(), edit.wrong()));
    }
    return sources;
  }

  private void compile(Fault fault, Set<String> classPath) throws IOException {
    var classes = Files.createDirectories(directory.resolve("classes"));
    var sources = new ArrayList<Path>();
    for (var faulty : faulty(fault).entrySet()) {
      var copy = directory.resolve(faulty.getKey());
      Files.createDirectories(copy.getParent());
      sources.add(Files.writeString(copy, faulty.getValue()));
    }
    if (sources.isEmpty()) {
      return;
    }
    var said = new StringWriter();
    var arguments = new ArrayList<>(List.of("-proc:none", "-nowarn", "-d", classes.toString()));
    arguments.addAll(List.of("-cp", String.join(File.pathSeparator, classPath)));
    sources.forEach(source -> arguments.add(source.toString()));
    int status = ToolProvider.findFirst("javac")
        .orElseThrow()
        .run(new PrintWriter(said), new PrintWriter(said), arguments.toArray(String[]::new));
    assertEquals(0, status, said::toString);
  }
}
