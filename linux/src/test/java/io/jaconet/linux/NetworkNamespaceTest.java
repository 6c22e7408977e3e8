package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(FreshNetworkNamespace.class)
class NetworkNamespaceTest {
  private static final String NAME = "jt" + ProcessHandle.current().pid() + "-ns";

  private static String ofThread() throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net")).toString();
  }

  private static String ofProcess() throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
  }

  private static void assertMentions(String part, Exception e) {
    assertTrue(e.toString().contains(part), e::toString);
  }

  @Test
  void callRunsInTheNamespaceAndLeavesTheCallerWhereItWas() throws Exception {
    var before = ofThread();

    try (var namespace = NetworkNamespace.createAnonymous()) {
      var inside = namespace.call(NetworkNamespaceTest::ofThread);

      assertNotEquals(before, inside);
      assertEquals(before, ofThread());
      assertEquals(inside, namespace.call(NetworkNamespaceTest::ofThread));
    }
  }

  @Test
  void aFreshNamespaceHasNothingButALoopback() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous()) {
      var interfaces =
          namespace.call(() -> Files.readAllLines(Path.of("/proc/thread-self/net/dev")));

      assertEquals(3, interfaces.size());
    }
  }

  @Test
  void currentIsTheProcessesOwnAlsoWhenAskedFromInsideAnother() throws Exception {
    try (var other = NetworkNamespace.createAnonymous();
        var own = NetworkNamespace.current();
        var ownFromInside = other.call(NetworkNamespace::current)) {
      assertEquals(own, ownFromInside);
      assertNotEquals(own, other);
      assertEquals(ofProcess(), other.call(() -> own.call(NetworkNamespaceTest::ofThread)));
    }
  }

  @Test
  void exceptionsPassThroughUnchanged() throws Exception {
    var thrown = new IOException("from inside");

    try (var namespace = NetworkNamespace.createAnonymous()) {
      assertSame(
          thrown,
          assertThrows(
              IOException.class,
              () -> namespace.run(() -> {
                throw thrown;
              })));
      assertThrows(
          AssertionError.class,
          () -> namespace.run(() -> {
            throw new AssertionError();
          }));
    }
  }

  @Test
  void anInterruptReachesTheBodyAndComesBack() throws Exception {
    var inside = new CountDownLatch(1);
    var never = new CountDownLatch(1);
    try (var namespace = NetworkNamespace.createAnonymous()) {
      var passedOn = new FutureTask<>(() -> {
        assertThrows(
            InterruptedException.class,
            () -> namespace.run(() -> {
              inside.countDown();
              never.await();
            }));
        return Thread.currentThread().isInterrupted();
      });
      var caller = new Thread(passedOn);
      caller.start();
      inside.await();

      caller.interrupt();

      assertFalse(passedOn.get());
    }
  }

  @Test
  void anInterruptThatTheBodyIgnoredStaysSet() throws Exception {
    var inside = new CountDownLatch(1);
    try (var namespace = NetworkNamespace.createAnonymous()) {
      var passedOn = new FutureTask<>(() -> {
        namespace.run(() -> {
          inside.countDown();
          while (!Thread.interrupted()) {
            Thread.onSpinWait();
          }
        });
        return Thread.currentThread().isInterrupted();
      });
      var caller = new Thread(passedOn);
      caller.start();
      inside.await();

      caller.interrupt();

      assertTrue(passedOn.get());
    }
  }

  @Test
  void aProcessStartsInsideAndKeepsItsExitStatus() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous()) {
      var builder = new ProcessBuilder("sh", "-c", "readlink /proc/self/ns/net; exit 3");
      var process = namespace.start(builder);
      var seen = new String(process.getInputStream().readAllBytes(), UTF_8).strip();

      assertEquals(3, process.waitFor());
      assertEquals(namespace.call(NetworkNamespaceTest::ofThread), seen);
      assertEquals("sh", builder.command().get(0));
    }
  }

  @Test
  void noThreadStaysInTheNamespaceAfterAProcess() throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous()) {
      var inside = namespace.call(NetworkNamespaceTest::ofThread);
      namespace.start(new ProcessBuilder("true")).waitFor();

      // The kernel may take a moment to end a thread that Java has seen the end of.
      assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
        while (isAnyThreadIn(inside)) {
          Thread.onSpinWait();
        }
      });
    }
  }

  private static boolean isAnyThreadIn(String namespace) throws IOException {
    try (var threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (var thread : threads) {
        if (isIn(thread, namespace)) {
          return true;
        }
      }
      return false;
    }
  }

  /** A thread that ends meanwhile is in no namespace. */
  private static boolean isIn(Path thread, String namespace) {
    try {
      return Files.readSymbolicLink(thread.resolve("ns/net")).toString().equals(namespace);
    } catch (IOException ended) {
      return false;
    }
  }

  @Test
  void aNamedNamespaceIsTheOneThatIpNetnsKnows() throws Exception {
    try (var created = NetworkNamespace.createNamed(NAME)) {
      try (var byName = NetworkNamespace.named(NAME);
          var byPath = NetworkNamespace.ofPath(Path.of("/run/netns", NAME))) {
        assertEquals(created, byName);
        assertEquals(created, byPath);
        assertTrue(NetworkNamespace.names().contains(NAME));
        var process = new ProcessBuilder(
                "ip", "netns", "exec", NAME, "readlink", "/proc/self/ns/net")
            .start();
        assertEquals(
            created.call(NetworkNamespaceTest::ofThread),
            new String(process.getInputStream().readAllBytes(), UTF_8).strip());
      } finally {
        created.delete();
      }
      assertFalse(Files.exists(Path.of("/run/netns", NAME)));
    }
  }

  @Test
  void aNameInUseIsRefusedAndStaysUsable() throws Exception {
    try (var first = NetworkNamespace.createNamed(NAME)) {
      try {
        var e = assertThrows(IOException.class, () -> NetworkNamespace.createNamed(NAME));

        assertMentions("ip netns delete " + NAME, e);
        try (var still = NetworkNamespace.named(NAME)) {
          assertEquals(first, still);
        }
      } finally {
        first.delete();
      }
    }
  }

  @Test
  void deletingLeavesANameAloneThatMeansAnotherNamespaceNow() throws Exception {
    try (var first = NetworkNamespace.createNamed(NAME);
        var sameName = NetworkNamespace.named(NAME)) {
      first.delete();
      try (var second = NetworkNamespace.createNamed(NAME)) {
        try {
          sameName.delete();

          assertTrue(NetworkNamespace.names().contains(NAME));
        } finally {
          second.delete();
        }
      }
    }
  }

  @Test
  void aMissingNameSaysWhereItLookedAndWhatExists() throws Exception {
    try (var other = NetworkNamespace.createNamed(NAME)) {
      try {
        var e = assertThrows(IOException.class, () -> NetworkNamespace.named("jt-absent"));

        assertMentions("/run/netns/jt-absent", e);
        assertMentions(NAME, e);
        assertMentions("ip netns add jt-absent", e);
      } finally {
        other.delete();
      }
    }
  }

  @Test
  void aFileThatIsNoNamespaceIsRefused(@TempDir Path directory) throws Exception {
    var file = Files.createFile(directory.resolve("leftover"));

    var e = assertThrows(IOException.class, () -> NetworkNamespace.ofPath(file));

    assertMentions("is not a network namespace", e);
    assertThrows(IOException.class, () -> NetworkNamespace.ofPath(Path.of("/proc/self/ns/uts")));
  }

  @Test
  void aClosedNamespaceIsNotEntered() throws Exception {
    var namespace = NetworkNamespace.createAnonymous();
    namespace.close();
    namespace.close();

    assertInstanceOf(
        IllegalStateException.class,
        assertThrows(RuntimeException.class, () -> namespace.run(() -> new Socket())));
    assertThrows(IllegalStateException.class, namespace::fd);
  }

  @Test
  void openingAndClosingLeavesNoFileDescriptor() throws Exception {
    NetworkNamespace.createAnonymous().close();
    long before = openFiles();

    for (int i = 0; i < 50; i++) {
      NetworkNamespace.createAnonymous().close();
    }

    assertEquals(before, openFiles());
  }

  private static long openFiles() throws IOException {
    try (var files = Files.list(Path.of("/proc/self/fd"))) {
      return files.count();
    }
  }

  @Test
  void namesThatWouldLeaveTheDirectoryAreRefused() {
    for (var name : new String[] {"", ".", "..", "a/b", "a b", "x".repeat(201)}) {
      assertThrows(IllegalArgumentException.class, () -> NetworkNamespace.named(name));
    }
  }
}
