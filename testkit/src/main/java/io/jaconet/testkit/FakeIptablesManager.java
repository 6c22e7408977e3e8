package io.jaconet.testkit;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.RulesStatus;
import io.jaconet.overlay.TrafficRules;
import io.jaconet.overlay.UnderlayGuard;
import io.jaconet.spi.IptablesManager;
import java.io.Closeable;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A packet filter that filters nothing and remembers what it was asked for. It can be damaged, and made to fail. Thread-safe. */
public final class FakeIptablesManager implements IptablesManager {
  private @Nullable TrafficRules wanted;
  private @Nullable TrafficRules present;
  private @Nullable UnderlayGuard guard;
  private @Nullable Runnable watcher;
  private @Nullable IOException failure;
  private long repairs;

  /** Creates a packet filter without a rule. */
  public FakeIptablesManager() {}

  @Override
  public synchronized void apply(TrafficRules rules) throws IOException {
    failIfTold();
    wanted = rules;
    present = rules;
  }

  @Override
  public synchronized void guard(@Nullable UnderlayGuard guard) throws IOException {
    failIfTold();
    this.guard = guard;
  }

  @Override
  public synchronized ImmutableList<String> check() throws IOException {
    checkState(wanted != null, "apply was never called, or remove came after it");
    failIfTold();
    if (wanted.equals(present)) {
      return ImmutableList.of();
    }
    present = wanted;
    repairs++;
    return ImmutableList.of("the rules were gone");
  }

  @Override
  public synchronized Closeable watch(Runnable due) {
    checkState(watcher == null, "somebody watches already");
    watcher = due;
    return () -> {
      synchronized (this) {
        watcher = null;
      }
    };
  }

  @Override
  public synchronized void remove() throws IOException {
    failIfTold();
    wanted = null;
    present = null;
    guard = null;
  }

  @Override
  public synchronized RulesStatus status() {
    return new RulesStatus(
        "fake",
        "there is no other",
        wanted == null ? 0 : 1,
        present == null ? 0 : 1,
        null,
        repairs,
        0,
        0,
        ImmutableList.of());
  }

  private void failIfTold() throws IOException {
    if (failure != null) {
      throw new IOException(failure);
    }
  }

  /** Makes every call fail from now on, or succeed again if {@code cause} is null. */
  public synchronized void fail(@Nullable IOException cause) {
    failure = cause;
  }

  /** Removes the rules behind the manager's back, as another program might; whoever watches is told. */
  public synchronized void damage() {
    present = null;
    if (watcher != null) {
      watcher.run();
    }
  }

  /** Returns the rules that are in force. */
  public synchronized Optional<TrafficRules> present() {
    return Optional.ofNullable(present);
  }

  /** Returns the guard that is in force. */
  public synchronized Optional<UnderlayGuard> guard() {
    return Optional.ofNullable(guard);
  }
}
