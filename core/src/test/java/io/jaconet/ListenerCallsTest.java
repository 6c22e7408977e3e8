package io.jaconet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jaconet.event.ManualEventLoop;
import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Lease;
import io.jaconet.overlay.LeaseAttributes;
import io.jaconet.overlay.Subnets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Calls of a listener that runs when the test says so: until then it is as one that blocks. */
class ListenerCallsTest {
  private final ManualEventLoop loop = new ManualEventLoop();
  private final List<Runnable> executor = new ArrayList<>();
  private final List<String> told = new ArrayList<>();

  private final ListenerCalls calls = new ListenerCalls(
      "test",
      new NetworkListener() {
        @Override
        public void onPeer(@Nullable Lease before, @Nullable Lease after) {
          told.add(after == null ? "none" : String.valueOf(after.revision()));
        }

        @Override
        public void onMissed(long count) {
          told.add("missed " + count);
        }
      },
      executor::add,
      loop);

  private void tell(long number) {
    var lease = new Lease(
        Subnets.of(IpPrefix.parse("10.244.7.0/24")),
        LeaseAttributes.of("vxlan", Map.of(), Map.of()),
        "node-7",
        1,
        number);
    calls.add(listener -> listener.onPeer(null, lease));
  }

  private void run() {
    var tasks = List.copyOf(executor);
    executor.clear();
    tasks.forEach(Runnable::run);
  }

  @Test
  void keepsTheOrderAndHasOneTaskAtATime() {
    for (int n = 1; n <= 3; n++) {
      tell(n);
    }
    int tasks = executor.size();
    run();
    tell(4);
    run();

    assertEquals(1, tasks);
    assertEquals(List.of("1", "2", "3", "4"), told);
  }

  @Test
  void saysOnceHowMuchAListenerMissedThatDidNotComeBack() {
    int beyond = 1_000_000;
    for (int n = 1; n <= ListenerCalls.MOST_WAITING + beyond; n++) {
      tell(n);
    }
    int tasks = executor.size();
    run();
    tell(-1);
    run();

    assertEquals(1, tasks);
    assertEquals(ListenerCalls.MOST_WAITING + 2, told.size());
    assertEquals(
        List.of(Integer.toString(ListenerCalls.MOST_WAITING), "missed " + beyond, "-1"),
        told.subList(told.size() - 3, told.size()));
  }

  @Test
  void goesOnAfterAListenerThatThrows() {
    calls.add(listener -> {
      throw new AssertionError("the listener's");
    });
    tell(1);
    run();

    assertEquals(List.of("1"), told);
  }
}
