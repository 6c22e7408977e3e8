package io.jaconet.linux;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * A network namespace, held by an open file descriptor: it exists at least until {@link #close()}. Two are equal if they are the
 * same namespace, however they were found.
 *
 * <p>Code enters a namespace only by {@link #call} and {@link #run}, on a short-lived thread of its own, so no thread of the
 * application ever comes back in another namespace than it left. May be used by several threads.
 */
public final class NetworkNamespace implements AutoCloseable {
  private static final int CLONE_NEWNET = 0x40000000;
  private static final long NS_GET_NSTYPE = 0xb703;
  private static final int O_RDONLY = 0;
  private static final int O_CLOEXEC = 0x80000;
  private static final String OF_PROCESS = "/proc/self/ns/net";
  /** Unlike {@code /proc/self}, which is the main thread whoever asks. */
  private static final String OF_THREAD = "/proc/thread-self/ns/net";

  private final String label;
  private final @Nullable String name;
  private final Identity identity;
  private int fd;

  private NetworkNamespace(String label, @Nullable String name, int fd) throws IOException {
    this.label = label;
    this.name = name;
    this.fd = fd;
    this.identity = Identity.of(Path.of("/proc/self/fd", Integer.toString(fd)));
  }

  /** What makes two namespace files the same namespace. */
  record Identity(long device, long inode) {
    /** Written out, because the first call of a record's own costs a JVM more than 10 ms. */
    @Override
    public boolean equals(@Nullable Object o) {
      return o instanceof Identity other && device == other.device && inode == other.inode;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(device * 31 + inode);
    }

    static Identity of(Path file) throws IOException {
      var attributes = Files.readAttributes(file, "unix:dev,ino");
      return new Identity((Long) Objects.requireNonNull(attributes.get("dev")), (Long)
          Objects.requireNonNull(attributes.get("ino")));
    }
  }

  /**
   * What to do inside a namespace.
   *
   * @param <T> what it answers
   * @param <E> what it may throw
   */
  @FunctionalInterface
  public interface Body<T, E extends Exception> {
    /** Runs on a thread that is in the namespace. */
    T call() throws E;
  }

  /**
   * What to do inside a namespace, without an answer.
   *
   * @param <E> what it may throw
   */
  @FunctionalInterface
  public interface Action<E extends Exception> {
    /** Runs on a thread that is in the namespace. */
    void run() throws E;
  }

  /** Returns the names that {@link #named} knows, sorted. */
  public static ImmutableSortedSet<String> names() throws IOException {
    return NamespaceNames.list();
  }

  /**
   * Opens the namespace that {@code ip netns} calls {@code name}.
   *
   * @throws IOException if there is none; says where it was looked for and which names exist
   */
  public static NetworkNamespace named(String name) throws IOException {
    return open(name, name, NamespaceNames.find(name));
  }

  /**
   * Opens a namespace by its file, such as {@code /proc/<pid>/ns/net} or a bind mount.
   *
   * @throws IOException if the file cannot be opened or is not a network namespace
   */
  public static NetworkNamespace ofPath(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(
          path.toString(),
          null,
          "no such network namespace; those with a name are " + NamespaceNames.listText());
    }
    return open(path.toString(), null, path);
  }

  /** Opens the namespace of this process, whichever one the calling thread is in. */
  public static NetworkNamespace current() throws IOException {
    return open("current", null, Path.of(OF_PROCESS));
  }

  /**
   * Creates a namespace that {@code ip netns} knows too: a file of that name in {@code /run/netns} keeps it until {@link
   * #delete()}, also beyond this process. Where {@code /run/netns} is not writable, as for root of a user namespace, a tmpfs is
   * mounted on it first, which only this process's mount namespace sees.
   *
   * @throws IOException if the name exists or the rights are missing; nothing is left behind
   */
  public static NetworkNamespace createNamed(String name) throws IOException {
    var file = NamespaceNames.reserve(name);
    try {
      return onThread(name, () -> {
        unshare();
        NamespaceNames.bind(OF_THREAD, file);
        return open(name, name, Path.of(OF_THREAD));
      });
    } catch (IOException | RuntimeException e) {
      try {
        NamespaceNames.remove(file);
      } catch (IOException undo) {
        e.addSuppressed(undo);
      }
      throw e;
    }
  }

  /**
   * Creates a namespace without a name. It ends when it is closed and nothing else uses it: no process, no thread.
   *
   * @throws IOException if the rights are missing
   */
  public static NetworkNamespace createAnonymous() throws IOException {
    return onThread("new", () -> {
      unshare();
      return open("anonymous", null, Path.of(OF_THREAD));
    });
  }

  private static void unshare() throws IOException {
    try {
      SyscallException.check("unshare(CLONE_NEWNET)", LibC.unshare(CLONE_NEWNET));
    } catch (SyscallException e) {
      throw new IOException(
          "cannot create a network namespace: this needs CAP_SYS_ADMIN (run as root, or inside `unshare -Urnm`)",
          e);
    }
  }

  private static NetworkNamespace open(String label, @Nullable String name, Path file)
      throws IOException {
    int fd = SyscallException.check(
        "open(" + file + ")", LibC.open(file.toString(), O_RDONLY | O_CLOEXEC, 0));
    try {
      // A file that lost its bind mount, as after a reboot with a persistent /run, is no namespace
      // any more.
      if (LibC.ioctl(fd, NS_GET_NSTYPE, 0) != CLONE_NEWNET) {
        throw new IOException(
            file + " is not a network namespace; if it is left over, remove the file");
      }
      return new NetworkNamespace(label, name, fd);
    } catch (IOException e) {
      LibC.close(fd);
      throw e;
    }
  }

  /**
   * Runs {@code body} on a new thread inside this namespace, waits for it, and returns its answer. What it throws is thrown here,
   * with the stack trace of that thread. If the waiting thread is interrupted, the body's thread is, and the wait goes on until
   * the body ends.
   *
   * <p>Sockets opened by the body stay in this namespace. So do threads that it starts, also indirectly, as starting a process
   * does: use {@link #start} for that, and start no threads.
   *
   * @throws IOException if the namespace cannot be entered
   * @throws IllegalStateException if this is closed
   */
  public <T, E extends Exception> T call(Body<T, E> body) throws IOException, E {
    return NetworkNamespace.<T, E>onThread(label, () -> {
      enter();
      return body.call();
    });
  }

  /** Does what {@link #call} does, without an answer. */
  public <E extends Exception> void run(Action<E> action) throws IOException, E {
    this.<Boolean, E>call(() -> {
      action.run();
      return true;
    });
  }

  private static <T, E extends Exception> T onThread(String label, Callable<T> body)
      throws IOException, E {
    var task = new FutureTask<>(body);
    var thread = new Thread(null, task, "jaconet-netns-" + label);
    thread.setDaemon(true);
    thread.start();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
        thread.interrupt();
      }
    }
    return NetworkNamespace.<T, E>outcome(task, interrupted);
  }

  @SuppressWarnings(
      "unchecked") // The body throws nothing but E and unchecked exceptions, entering throws
  // IOException.
  private static <T, E extends Exception> T outcome(Future<T> done, boolean interrupted)
      throws IOException, E {
    Throwable failure;
    try {
      var answer = done.get();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      return answer;
    } catch (ExecutionException e) {
      failure = Objects.requireNonNull(e.getCause());
    } catch (InterruptedException e) {
      failure = e;
    }
    if (interrupted && !(failure instanceof InterruptedException)) {
      Thread.currentThread().interrupt();
    }
    if (failure instanceof Error error) {
      throw error;
    }
    throw (E) failure;
  }

  /** Setting a namespace needs CAP_SYS_ADMIN even if it is the one the thread is in, so that is not done. */
  private void enter() throws IOException {
    synchronized (this) {
      checkState(fd >= 0, "%s is closed", this);
      if (!isOfThisThread()) {
        SyscallException.check("setns(" + label + ")", LibC.setns(fd, CLONE_NEWNET));
      }
    }
  }

  private boolean isOfThisThread() throws IOException {
    return identity.equals(Identity.of(Path.of(OF_THREAD)));
  }

  /**
   * Starts a process inside this namespace, by {@code nsenter} of util-linux. (A process started from a thread in the namespace
   * would be in it as well, but the JVM's thread that waits for the process would then stay there and keep the namespace.)
   *
   * @throws IOException if it cannot be started; a command that does not exist shows as exit status 127 instead
   */
  public Process start(ProcessBuilder builder) throws IOException {
    if (isOfThisThread()) {
      return builder.start();
    }
    var file = "/proc/" + ProcessHandle.current().pid() + "/fd/" + fd();
    var command = builder.command();
    builder.command(ImmutableList.<String>builder()
        .add("nsenter", "--net=" + file, "--")
        .addAll(command)
        .build());
    try {
      return builder.start();
    } finally {
      builder.command(command);
    }
  }

  /**
   * Returns the file descriptor, for moving links here. Valid until {@link #close()}.
   *
   * @throws IllegalStateException if this is closed
   */
  public synchronized int fd() {
    checkState(fd >= 0, "%s is closed", this);
    return fd;
  }

  /**
   * Removes the name if it has one and still means this namespace, then closes. The namespace itself ends when no process uses
   * it any more.
   */
  public void delete() throws IOException {
    try {
      if (name != null) {
        NamespaceNames.removeIf(name, identity);
      }
    } finally {
      close();
    }
  }

  /** Lets go of the namespace without removing its name. */
  @Override
  public synchronized void close() {
    if (fd >= 0) {
      LibC.close(fd);
      fd = -1;
    }
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof NetworkNamespace other && identity.equals(other.identity);
  }

  @Override
  public int hashCode() {
    return identity.hashCode();
  }

  @Override
  public String toString() {
    return "netns " + label + " [" + identity.inode() + "]";
  }
}
