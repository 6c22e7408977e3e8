package io.jaconet.subnet;

import io.jaconet.net.IpPrefix;
import io.jaconet.overlay.Subnets;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.TreeMap;

/**
 * The program that is killed: makes the writes of a fixed sequence, one after the other, and prints the number of each once the store has
 * acknowledged it. What the store holds after so many writes is known beforehand.
 */
final class LeaseFileWriter {
  /** So few lines of history that the file is replaced every few writes. */
  static final int SLACK_LINES = 5;

  private static final int KEYS = 12;

  private LeaseFileWriter() {}

  /** Arguments: directory, number of the first write, number after the last. */
  public static void main(String[] args) {
    try (var store = FileLeaseStore.open(Path.of(args[0]), InstantSource.system(), SLACK_LINES)) {
      System.out.println("open");
      for (int i = Integer.parseInt(args[1]); i < Integer.parseInt(args[2]); i++) {
        write(store, i);
        System.out.println(i);
      }
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }

  private static void write(FileLeaseStore store, int number) throws IOException {
    var subnets = subnets(number);
    for (var entry : store.list().entries()) {
      if (entry.key().equals(subnets.key())) {
        if (isDelete(number)) {
          store.delete(entry);
        } else {
          store.update(entry, value(number), "node", null);
        }
        return;
      }
    }
    store.create(subnets, value(number), "node", null);
  }

  /** Returns the values by key after {@code count} writes. */
  static Map<String, String> stateAfter(int count) {
    var state = new TreeMap<String, String>();
    for (int number = 0; number < count; number++) {
      var key = subnets(number).key();
      if (isDelete(number) && state.containsKey(key)) {
        state.remove(key);
      } else {
        state.put(key, value(number));
      }
    }
    return state;
  }

  private static boolean isDelete(int number) {
    return number % 7 == 0;
  }

  private static String value(int number) {
    return "{\"PublicIP\":\"198.51.100.1\",\"number\":" + number + ",\"text\":\""
        + "ä\n".repeat(number % 50) + "\"}";
  }

  private static Subnets subnets(int number) {
    return Subnets.of(IpPrefix.parse("10.5." + number % KEYS + ".0/24"));
  }
}
