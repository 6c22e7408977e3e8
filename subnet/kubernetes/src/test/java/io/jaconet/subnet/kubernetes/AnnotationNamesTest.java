package io.jaconet.subnet.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnnotationNamesTest {
  @ParameterizedTest
  @CsvSource({
    "org.com,org.com/backend-type",
    "org.com/,org.com/backend-type",
    "org.com/9,org.com/9-backend-type",
    "x.y/p-,x.y/p-backend-type",
    "flannel.alpha.coreos.com,flannel.alpha.coreos.com/backend-type",
  })
  void completesAPrefixAsFlannelDoes(String prefix, String backendType) {
    assertEquals(backendType, AnnotationNames.of(prefix).backendType());
  }

  @ParameterizedTest
  @ValueSource(strings = {"org", "org/", "org/p", "org.COM", "org.com/PREFIX", "", "a.b/c/d"})
  void refusesWhatFlannelRefuses(String prefix) {
    assertThrows(IllegalArgumentException.class, () -> AnnotationNames.of(prefix));
  }

  @Test
  void refusesHugePrefixesAtOnce() {
    assertThrows(IllegalArgumentException.class, () -> AnnotationNames.of("a.".repeat(100_000)));
  }
}
