package io.jaconet.flanneld;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The recipe of the image names what the build makes, where no container engine can say so. */
class ContainerfileTest {
  private static final Path ROOT = Path.of("../..");

  private static String text(String pattern, String text) {
    var matcher = Pattern.compile(pattern, Pattern.DOTALL).matcher(text);
    assertTrue(matcher.find(), () -> "no " + pattern + " in " + text);
    return matcher.group(1);
  }

  private static String containerfile() throws IOException {
    return Files.readString(ROOT.resolve("examples/kubernetes/Containerfile"));
  }

  @Test
  void copiesTheJarsThatTheBuildMakes() throws IOException {
    var recipe = containerfile();
    var module = text("-pl (\\S+) ", recipe);
    var pom = Files.readString(ROOT.resolve(module).resolve("pom.xml"));
    var version = text("<parent>.*<version>(.*?)</version>.*</parent>", pom);
    var jar = Path.of(module, "target", "jaconet-flanneld-" + version + ".jar");

    var copied = Splitter.on(' ').splitToList(text("&& cp (\\S+ \\S+) /jars", recipe));

    assertEquals("jaconet-flanneld", text("</parent>.*?<artifactId>(.*?)</artifactId>", pom));
    assertTrue(recipe.contains("maven-dependency-plugin:copy-dependencies"), recipe);
    assertEquals(module + "/target/dependency/*.jar", copied.get(0));
    assertTrue(
        FileSystems.getDefault().getPathMatcher("glob:" + copied.get(1)).matches(jar),
        jar::toString);
  }

  @Test
  void startsTheDaemonWithWhatItCopied() throws IOException {
    var recipe = containerfile();
    var directory = text("COPY --from=build /jars (\\S+)\n", recipe);

    assertTrue(
        recipe.contains("\"-cp\", \"" + directory + "/*\", \"" + Flanneld.class.getName() + "\""),
        recipe);
  }
}
