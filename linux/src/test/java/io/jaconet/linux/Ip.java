package io.jaconet.linux;

import com.google.common.base.Splitter;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The kernel's tables as iproute2 sees them: the independent witness. */
final class Ip {
  private Ip() {}

  /** Runs a command in the namespace of the calling thread and returns what it printed. */
  static String run(String command) throws IOException, InterruptedException {
    var process = new ProcessBuilder(Splitter.on(' ').splitToList(command))
        .redirectErrorStream(true)
        .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int status = process.waitFor();
    if (status != 0) {
      throw new IOException(command + " ended with " + status + ": " + output);
    }
    return output;
  }

  /** Runs a command that prints a JSON array. */
  static JsonArray json(String command) throws IOException, InterruptedException {
    String output = run(command);
    return output.isBlank() ? new JsonArray() : JsonParser.parseString(output).getAsJsonArray();
  }
}
