package io.jaconet.testkit.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** strace on a process and its threads: notes what it calls, or kills it at one call. Programs that it starts go their own way. */
final class Tracer implements AutoCloseable {
  /** What changes something that outlives the process, or that others see. The question mark: not every machine has all of them. */
  private static final String CHANGES =
      "?write,?pwrite64,?writev,?pwritev,?pwritev2,?sendfile,?copy_file_range"
          + ",?sendto,?sendmsg,?sendmmsg,?bind,?connect,?listen,?setsockopt,?shutdown,?ioctl,?setns,?unshare,?mount,?umount2"
          + ",?open,?openat,?creat,?rename,?renameat,?renameat2,?unlink,?unlinkat,?mkdir,?mkdirat,?rmdir,?link,?linkat"
          + ",?symlink,?symlinkat,?mknod,?mknodat,?chmod,?fchmod,?fchmodat,?chown,?fchown,?lchown,?fchownat,?utimensat"
          + ",?truncate,?ftruncate,?fallocate,?fsync,?fdatasync,?sync_file_range,?msync,?flock,?fcntl,?fork,?vfork,?clone"
          + ",?clone3,?kill,?tgkill";

  /** Calls of the JVM's own among them that change nothing: threads, and files for reading. */
  private static final Pattern UNCHANGING = Pattern.compile(
      "clone3?\\(.*CLONE_THREAD.*|open(at)?\\((?!.*O_(CREAT|TRUNC)).*|fcntl\\(.*, F_(GET|DUP).*");

  /** How long a call is held that comes before strace's own counting could tell it from those of other threads. */
  private static final Duration HOLD = Duration.ofMillis(250);

  private static final int SHOWN_CHARS = 160;

  private final Process strace;
  private final Process victim;
  private final @Nullable CrashPoint target;
  private final CallCounter counter = new CallCounter();
  private final Map<CrashPoint, String> calls = new LinkedHashMap<>();
  private final Queue<String> complaints = new ConcurrentLinkedQueue<>();
  private final Thread complaining;
  private final Thread reading;

  private Tracer(Process strace, Process victim, @Nullable CrashPoint target) {
    this.strace = strace;
    this.victim = victim;
    this.target = target;
    this.complaining = daemon(this::readComplaints, "crash-strace-errors");
    this.reading = daemon(this::readCalls, "crash-strace");
  }

  private static Thread daemon(Runnable task, String name) {
    var thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  static boolean isPossible() {
    try {
      return new ProcessBuilder("strace", "-qq", "-o", "/dev/null", "true")
              .redirectErrorStream(true)
              .start()
              .onExit()
              .join()
              .exitValue()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Notes the calls of {@code victim} that change something. */
  static Tracer counting(Process victim) throws IOException {
    return attach(victim, null, List.of("-e", "trace=" + CHANGES));
  }

  /** Kills {@code victim} at {@code target}, or shortly after if this machine is too busy and the point is not of the first thread. */
  static Tracer killing(Process victim, CrashPoint target) throws IOException {
    var effect = target.thread() == 1 ? "signal=SIGKILL" : "delay_enter=" + HOLD.toMillis() + "ms";
    return attach(
        victim,
        target,
        List.of(
            "-e",
            "trace=" + target.call(),
            "-e",
            "inject=" + target.call() + ":" + effect + ":when=" + target.count()));
  }

  private static Tracer attach(Process victim, @Nullable CrashPoint target, List<String> options)
      throws IOException {
    var command = ImmutableList.<String>builder()
        .add("strace", "-f", "--detach-on=execve", "-o", "/dev/stdout")
        .addAll(options)
        .add("-p", Long.toString(victim.pid()));
    var tracer = new Tracer(new ProcessBuilder(command.build()).start(), victim, target);
    tracer.awaitAttached();
    return tracer;
  }

  /** strace says so once all threads are stopped or will be before they do anything. */
  private void awaitAttached() throws IOException {
    var errors = strace.errorReader(UTF_8);
    for (var line = errors.readLine(); line != null; line = errors.readLine()) {
      complaints.add(line);
      if (line.contains(" attached")) {
        complaining.start();
        reading.start();
        return;
      }
    }
    close();
    throw new IOException("strace could not be attached: " + complaints);
  }

  private void readComplaints() {
    try {
      strace.errorReader(UTF_8).lines().forEach(complaints::add);
    } catch (UncheckedIOException e) {
      // It was ended.
    }
  }

  /** A line is looked at as soon as it names the call: the rest comes when the call has returned. */
  private void readCalls() {
    var line = new StringBuilder();
    CrashPoint begun = null;
    try (BufferedReader output = strace.inputReader(UTF_8)) {
      for (int c = output.read(); c >= 0; c = output.read()) {
        if (c == '(' && begun == null) {
          begun = begin(line);
        }
        if (c != '\n') {
          line.append((char) c);
          continue;
        }
        if (begun != null) {
          note(begun, line.substring(line.lastIndexOf(begun.call() + "(")));
        }
        line.setLength(0);
        begun = null;
      }
    } catch (IOException e) {
      complaints.add(e.toString());
    }
  }

  /** Takes the beginning of a line, {@code 4711  fsync}, without counting what says that a call goes on. */
  private @Nullable CrashPoint begin(StringBuilder line) {
    int space = line.indexOf(" ");
    var call = space < 0 ? "" : line.substring(space).strip();
    if (call.isEmpty() || !call.chars().allMatch(c -> c == '_' || Character.isLetterOrDigit(c))) {
      return null;
    }
    var point = counter.next(line.substring(0, space), call);
    if (point.equals(target) && point.thread() > 1) {
      victim.toHandle().destroyForcibly();
    }
    return point;
  }

  private void note(CrashPoint point, String text) {
    if (!UNCHANGING.matcher(text).matches()) {
      calls.put(
          point, text.length() <= SHOWN_CHARS ? text : text.substring(0, SHOWN_CHARS) + "...");
    }
  }

  /** Waits until the process is dead and all is read. Returns the calls that changed something, with what strace says of them. */
  ImmutableMap<CrashPoint, String> calls() throws IOException, InterruptedException {
    if (!strace.waitFor(30, TimeUnit.SECONDS)) {
      throw new IOException("strace does not end: " + complaints);
    }
    reading.join();
    return ImmutableMap.copyOf(calls);
  }

  @Override
  public void close() {
    strace.destroyForcibly();
  }
}
