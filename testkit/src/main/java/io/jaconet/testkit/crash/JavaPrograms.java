package io.jaconet.testkit.crash;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.jar.JarOutputStream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;

/**
 * Starts main classes in JVMs of their own, on the class path and with all libraries that this JVM has. Directories of classes are
 * packed first: a JVM then opens no file for each class, and can use an archive of what an earlier one has loaded.
 */
public final class JavaPrograms {
  private final String classPath;
  private final Path archive;

  private JavaPrograms(String classPath, Path archive) {
    this.classPath = classPath;
    this.archive = archive;
  }

  /**
   * Packs the classes of this JVM.
   *
   * @param directory where to; stays the caller's
   * @param tests a class of the tests, which a build may have put elsewhere than on the path
   */
  public static JavaPrograms packedIn(Path directory, Class<?> tests) throws IOException {
    var places = new LinkedHashSet<String>();
    places.add(tests.getProtectionDomain().getCodeSource().getLocation().getPath());
    for (var path : ImmutableList.of("jdk.module.path", "java.class.path")) {
      Splitter.on(File.pathSeparatorChar)
          .omitEmptyStrings()
          .split(System.getProperty(path, ""))
          .forEach(places::add);
    }
    var packed = ImmutableList.<String>builder();
    int number = 0;
    for (var place : places) {
      var path = Path.of(place);
      packed.add(
          Files.isDirectory(path)
              ? pack(path, directory.resolve("classes" + number++ + ".jar")).toString()
              : place);
    }
    return new JavaPrograms(
        String.join(File.pathSeparator, packed.build()), directory.resolve("classes.jsa"));
  }

  private static Path pack(Path classes, Path jar) throws IOException {
    try (var output = new JarOutputStream(Files.newOutputStream(jar));
        var files = Files.walk(classes)) {
      output.setLevel(Deflater.NO_COMPRESSION);
      for (var file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        output.putNextEntry(new ZipEntry(classes.relativize(file).toString()));
        Files.copy(file, output);
      }
    }
    return jar;
  }

  /**
   * Returns what starts {@code main}, and archives the classes that it has loaded when it ends, which must not be by
   * {@link Runtime#halt}: whatever starts afterwards only has to map them.
   */
  public ProcessBuilder archiving(Class<?> main, Object... args) {
    return command("-XX:ArchiveClassesAtExit=" + archive, main, args);
  }

  /** Returns what starts {@code main}. */
  public ProcessBuilder program(Class<?> main, Object... args) {
    return command("-XX:SharedArchiveFile=" + archive, main, args);
  }

  private ProcessBuilder command(String archiving, Class<?> main, Object... args) {
    var command = ImmutableList.<String>builder()
        .add(Path.of(System.getProperty("java.home"), "bin", "java").toString())
        .add("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx128m")
        // An archive that cannot be used only costs time.
        .add(archiving, "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr");
    if (Runtime.version().feature() >= 22) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.add("-cp", classPath, main.getName());
    for (var arg : args) {
      command.add(arg.toString());
    }
    return new ProcessBuilder(command.build()).redirectErrorStream(true);
  }
}
