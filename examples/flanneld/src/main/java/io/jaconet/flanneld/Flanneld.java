package io.jaconet.flanneld;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The program: flannel's daemon, made of the library. */
public final class Flanneld {
  private static final int FAILED = 1;
  private static final int MISUSED = 2;

  private Flanneld() {}

  /** Joins a network and stays in it until SIGTERM or SIGINT, then exits. */
  public static void main(String... words) {
    System.exit(run(words, System.getenv()));
  }

  private static int run(String[] words, Map<String, String> environment) {
    try {
      var flags = FlagValues.parse(Arrays.asList(words), environment);
      if (flags.isOn(Flag.HELP)) {
        System.err.print(Options.help());
        return 0;
      }
      if (flags.isOn(Flag.VERSION)) {
        System.err.println(version());
        return 0;
      }
      return run(Options.of(flags, environment, hostname()), environment);
    } catch (IllegalArgumentException e) {
      System.err.println("flanneld: " + e.getMessage() + " (--help: all flags)");
      return MISUSED;
    } catch (IOException e) {
      System.err.println("flanneld: " + e.getMessage());
      return FAILED;
    }
  }

  private static int run(Options options, Map<String, String> environment) {
    // Before the first logger comes to be.
    if (options.verbose()) {
      System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "debug");
    }
    // A client that is slow must not keep probes from being answered.
    System.setProperty("sun.net.httpserver.maxReqTime", "5");
    System.setProperty("sun.net.httpserver.maxRspTime", "5");
    Logger log = LoggerFactory.getLogger(Flanneld.class);
    log.info("{} on node {}, with {}", version(), options.nodeId(), options.shown());
    var termination = Termination.bySignal();
    try {
      new Daemon(options, NotifySocket.of(environment), termination.asked()).run();
      return 0;
    } catch (IOException e) {
      log.error("{}", e.getMessage(), options.verbose() ? e : null);
      return FAILED;
    } catch (InterruptedException e) {
      return FAILED;
    }
  }

  private static String hostname() throws IOException {
    return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
  }

  private static String version() {
    var descriptor = Flanneld.class.getModule().getDescriptor();
    var version = descriptor == null ? "" : " " + descriptor.rawVersion().orElse("");
    return "jaconet-flanneld" + version;
  }
}
