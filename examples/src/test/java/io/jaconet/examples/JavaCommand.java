package io.jaconet.examples;

import com.google.common.collect.ImmutableList;
import java.nio.file.Path;
import java.util.List;

/** How to run a program of this module as a process of its own. */
public final class JavaCommand {
  private JavaCommand() {}

  /** Returns the command; {@code main} is a class, relative to this package. */
  public static ImmutableList<String> of(String main, List<String> arguments) {
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return ImmutableList.<String>builder()
        .add(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        // What no module asks for by name, as the native part of a library, is on the class path.
        .add("-cp", System.getProperty("java.class.path"))
        .add("-p", System.getProperty("jdk.module.path"))
        .add("-m", "io.jaconet.examples/io.jaconet.examples." + main)
        .addAll(arguments)
        .build();
  }
}
