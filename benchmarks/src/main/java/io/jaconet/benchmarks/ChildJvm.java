package io.jaconet.benchmarks;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;

/** Runs main classes of this module in a JVM of their own, in which nothing is warm yet. */
final class ChildJvm {
  private ChildJvm() {}

  /** Returns the command for {@code main} with the libraries that this JVM has. */
  static ImmutableList<String> command(Class<?> main, List<String> jvmOptions, Object... args) {
    var command = ImmutableList.<String>builder();
    command.add(java()).addAll(jvmOptions);
    var modulePath = System.getProperty("jdk.module.path");
    var classPath = System.getProperty("java.class.path");
    if (!classPath.isEmpty()) {
      command.add("-cp", classPath);
    }
    if (modulePath == null) {
      command.add(main.getName());
    } else {
      if (Runtime.version().feature() >= 22) {
        command.add("--enable-native-access=org.jnrproject.jffi");
      }
      command.add("-p", modulePath, "-m", main.getModule().getName() + "/" + main.getName());
    }
    for (Object arg : args) {
      command.add(arg.toString());
    }
    return command.build();
  }

  /** Returns the command for {@code main} with the same libraries on the class path, as most applications have them. */
  static ImmutableList<String> commandOnClassPath(
      Class<?> main, List<String> jvmOptions, Object... args) {
    var modulePath = System.getProperty("jdk.module.path");
    var classPath = System.getProperty("java.class.path");
    var command = ImmutableList.<String>builder();
    command.add(java()).addAll(jvmOptions);
    command.add("-cp", modulePath == null ? classPath : modulePath + ":" + classPath);
    command.add(main.getName());
    for (Object arg : args) {
      command.add(arg.toString());
    }
    return command.build();
  }

  /** Returns the command for {@code main} without any library, as in a JVM that has nothing to do with us. */
  static ImmutableList<String> commandWithoutLibraries(Class<?> main) throws URISyntaxException {
    var classes =
        Path.of(main.getProtectionDomain().getCodeSource().getLocation().toURI());
    return ImmutableList.of(java(), "-cp", classes.toString(), main.getName());
  }

  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /** Runs {@code main} and returns the figures that it printed, each on a line with its name. */
  static ImmutableMap<String, Double> figures(
      Class<?> main, List<String> jvmOptions, Object... args) throws IOException {
    var output = Commands.output(command(main, jvmOptions, args));
    var figures = ImmutableMap.<String, Double>builder();
    Splitter.on('\n')
        .omitEmptyStrings()
        .withKeyValueSeparator(' ')
        .split(output)
        .forEach((name, value) -> figures.put(name, Double.valueOf(value)));
    return figures.buildOrThrow();
  }

  /** Returns the figure called {@code name} of those that a child printed. */
  static double figure(ImmutableMap<String, Double> figures, String name) {
    var figure = figures.get(name);
    if (figure == null) {
      throw new IllegalStateException("the child printed no " + name);
    }
    return figure;
  }
}
