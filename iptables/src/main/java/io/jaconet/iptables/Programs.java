package io.jaconet.iptables;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.net.IpFamily;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The programs of iptables and nftables, found on this machine and run in a network namespace. Not thread-safe. */
final class Programs {
  /** Longer than iptables waits for its lock. */
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private static final ImmutableList<String> USUAL = ImmutableList.of("/usr/sbin", "/sbin");

  private final NetworkNamespace namespace;
  private final ImmutableList<Path> directories;
  private long started;

  Programs(NetworkNamespace namespace, ImmutableList<Path> directories) {
    this.namespace = namespace;
    this.directories = directories;
  }

  /** Returns where a shell would look, and where Debian keeps what ordinary users need not see. */
  static ImmutableList<Path> searchPath() {
    var path = Strings.nullToEmpty(System.getenv("PATH"));
    var directories = ImmutableList.<Path>builder();
    Splitter.on(':').omitEmptyStrings().split(path).forEach(dir -> directories.add(Path.of(dir)));
    USUAL.forEach(dir -> directories.add(Path.of(dir)));
    return directories.build();
  }

  private Optional<Path> find(String name) {
    return directories.stream()
        .map(directory -> directory.resolve(name))
        .filter(Files::isExecutable)
        .findFirst();
  }

  Optional<Path> nft() {
    return find("nft");
  }

  /**
   * Returns a program of iptables of one flavour: by the name that says so, or by the plain name if that is of the flavour.
   *
   * @param what {@code save} or {@code restore}
   */
  Optional<Path> iptables(Driver flavour, IpFamily family, String what) {
    var prefix = family == IpFamily.V4 ? "iptables" : "ip6tables";
    var suffix = flavour == Driver.IPTABLES_LEGACY ? "legacy" : "nft";
    return find(prefix + "-" + suffix + "-" + what)
        .or(() -> find(prefix + "-" + what)
            .filter(program -> flavourOf(program).filter(flavour::equals).isPresent()));
  }

  /** Returns the flavour of what is simply called iptables, empty if there is none. */
  Optional<Driver> usualFlavour() {
    return find("iptables-restore").flatMap(this::flavourOf);
  }

  /** The program behind all names tells by its own name; where a script is in front of it, by its version. */
  private Optional<Driver> flavourOf(Path program) {
    try {
      var name = Objects.toString(program.toRealPath().getFileName());
      if (name.contains("nft")) {
        return Optional.of(Driver.IPTABLES_NFT);
      }
      if (name.contains("xtables")) {
        return Optional.of(Driver.IPTABLES_LEGACY);
      }
      var version = run(program, "", "--version");
      return Optional.of(
          version.contains("nf_tables") ? Driver.IPTABLES_NFT : Driver.IPTABLES_LEGACY);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Returns how many processes were started. */
  long started() {
    return started;
  }

  /**
   * Runs {@code program} to its end and returns what it printed.
   *
   * @throws ProgramException if it failed, with what it complained of
   * @throws IOException if it could not be started, or was ended because it took too long
   */
  String run(Path program, String input, String... arguments) throws IOException {
    var builder = new ProcessBuilder(
        ImmutableList.<String>builder().add(program.toString()).add(arguments).build());
    builder.environment().put("LC_ALL", "C");
    started++;
    var process = namespace.start(builder);
    var limit = process.onExit().orTimeout(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    var ended = limit.whenComplete((exited, late) -> {
      if (late != null) {
        process.destroyForcibly();
      }
    });
    try {
      write(process, input);
      String output;
      String complaint;
      try (var stdout = process.getInputStream();
          var stderr = process.getErrorStream()) {
        output = new String(stdout.readAllBytes(), UTF_8);
        complaint = new String(stderr.readAllBytes(), UTF_8).strip();
      }
      int status = process.waitFor();
      if (ended.isCompletedExceptionally()) {
        throw new IOException(program + " did not end within " + LIMIT + " and was killed");
      }
      if (status != 0) {
        throw new ProgramException(program, status, complaint.isEmpty() ? output : complaint);
      }
      return output;
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + program);
    }
  }

  private static void write(Process process, String input) throws IOException {
    try (var stdin = process.getOutputStream()) {
      stdin.write(input.getBytes(UTF_8));
    } catch (IOException e) {
      // It ended without reading everything; its exit status says why.
      if (process.isAlive()
          && !String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT).contains("pipe")) {
        throw e;
      }
    }
  }
}
