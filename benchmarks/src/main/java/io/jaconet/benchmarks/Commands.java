package io.jaconet.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Other programs, run to their end. */
final class Commands {
  private Commands() {}

  /**
   * Returns what {@code command} printed. Its errors go where ours go.
   *
   * @throws IOException if it cannot be started or fails
   */
  static String output(List<String> command) throws IOException {
    var process = new ProcessBuilder(command)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
    // Closed here rather than whenever the collector comes by: benches count file descriptors.
    process.getOutputStream().close();
    String output;
    try (var printed = process.getInputStream()) {
      output = new String(printed.readAllBytes(), StandardCharsets.UTF_8);
    }
    try {
      int status = process.waitFor();
      if (status != 0) {
        throw new IOException(
            command.get(0) + " " + last(command) + " ended with status " + status + " " + output);
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroy();
      throw new InterruptedIOException("interrupted while waiting for " + command.get(0));
    }
  }

  private static List<String> last(List<String> words) {
    return words.subList(Math.max(1, words.size() - 4), words.size());
  }

  static String output(String... command) throws IOException {
    return output(ImmutableList.copyOf(command));
  }

  /** Returns the JSON array that {@code command} printed; where it printed nothing, an empty one. */
  static JsonArray json(String... command) throws IOException {
    var output = output(command);
    return output.isBlank() ? new JsonArray() : JsonParser.parseString(output).getAsJsonArray();
  }
}
