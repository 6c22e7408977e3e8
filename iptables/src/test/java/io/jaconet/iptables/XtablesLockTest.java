package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** T14: others hold the lock of iptables, which all network namespaces share. */
class XtablesLockTest {

  /** Takes the lock until it is closed. */
  private static AutoCloseable hold() throws IOException {
    var process = new ProcessBuilder("flock", "/run/xtables.lock", "sh", "-c", "echo; cat")
        .redirectErrorStream(true)
        .start();
    if (process.getInputStream().read() < 0) {
      throw new IOException("the lock could not be taken");
    }
    return () -> {
      process.getOutputStream().close();
      process.waitFor();
      process.getInputStream().close();
    };
  }

  @Test
  void theWaitIsBoundedAndTheHolderIsNamed() throws Exception {
    try (var host = FilterHost.shared(Driver.IPTABLES_LEGACY);
        var nft = FilterHost.shared(Driver.NFTABLES);
        var nftFlavour = FilterHost.shared(Driver.IPTABLES_NFT)) {
      String before = host.dump();
      var manager = host.manager();
      try (var held = hold()) {
        assertTrue(held != null);
        long start = System.nanoTime();
        var e = assertThrows(IOException.class, () -> manager.apply(Traffic.dual()));
        var waited = Duration.ofNanos(System.nanoTime() - start);

        assertTrue(waited.toMillis() < 5_000, waited.toString());
        assertTrue(
            String.valueOf(e.getMessage()).matches(".*lock of iptables.* held by process \\d+ .*"),
            e.getMessage());
        nft.manager().apply(Traffic.dual());
        nftFlavour.manager().apply(Traffic.dual());
        assertEquals(before, host.dump());
      }

      manager.apply(Traffic.dual());

      assertEquals(1, manager.status().lockWaits());
      assertEquals(ImmutableList.of(), manager.check());
    }
  }

  @Test
  void nobodysUpdateIsLostAmongCompetingWriters() throws Exception {
    int writers = 10;
    int rules = 5;
    var pool = Executors.newFixedThreadPool(writers);
    try (var host = FilterHost.shared(Driver.IPTABLES_LEGACY)) {
      var manager = host.manager();
      manager.apply(Traffic.dual());
      String whole = host.dump();
      var writing = new ArrayList<Callable<Boolean>>();
      for (int writer = 0; writer < writers; writer++) {
        var port = 1000 + writer;
        writing.add(() -> {
          for (int rule = 0; rule < rules; rule++) {
            host.runIptables("-t nat -A FLANNEL-POSTRTG-OTHER -p tcp --dport " + port + " --sport "
                + (rule + 1) + " -j RETURN");
          }
          return true;
        });
      }
      writing.add(() -> {
        for (int i = 0; i < rules; i++) {
          host.damage();
          manager.check();
        }
        return true;
      });

      for (var done : pool.invokeAll(writing)) {
        assertTrue(done.get());
      }
      manager.check();

      assertEquals(
          50, host.dump().lines().filter(line -> line.contains("--dport 10")).count());
      assertEquals(
          whole,
          host.dump()
              .lines()
              .filter(line -> !line.contains("--dport 10"))
              .map(line -> line + "\n")
              .reduce("", String::concat));
    } finally {
      pool.shutdownNow();
    }
  }
}
