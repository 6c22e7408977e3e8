package io.jaconet.examples;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class EmbeddingGuideTest {
  private static final Pattern SNIPPET = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  /** Indentation aside: a guide shows statements without what is around them. */
  private static String flat(String code) {
    return code.lines().map(String::strip).collect(joining("\n"));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void everySnippetStandsInAnExample() throws IOException {
    String sources;
    try (var files = Files.walk(Path.of("src/main/java"))) {
      sources = files
          .filter(file -> file.toString().endsWith(".java"))
          .map(file -> flat(read(file)))
          .collect(joining("\n"));
    }
    var snippets = SNIPPET.matcher(read(Path.of("../docs/embedding.md")));

    int found = 0;
    while (snippets.find()) {
      var snippet = flat(snippets.group(1)).strip();
      assertTrue(sources.contains(snippet), () -> "in no example: " + snippet);
      found++;
    }
    assertTrue(found >= 5, "found " + found);
  }
}
