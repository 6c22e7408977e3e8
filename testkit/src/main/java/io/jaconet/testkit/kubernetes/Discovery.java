package io.jaconet.testkit.kubernetes;

import org.jspecify.annotations.Nullable;

/** What clients such as kubectl ask first: which kinds of objects there are. */
final class Discovery {
  private Discovery() {}

  /** Returns the answer to a question about the server, null if that is none. */
  static @Nullable String answer(String path) {
    return switch (path) {
      case "/api" -> "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}";
      case "/apis" -> "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[]}";
      case "/api/v1" ->
        "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":["
            + "{\"name\":\"nodes\",\"singularName\":\"node\",\"namespaced\":false,\"kind\":\"Node\","
            + "\"verbs\":[\"get\",\"list\",\"patch\",\"watch\"],\"shortNames\":[\"no\"]}]}";
      case "/version" -> "{\"major\":\"1\",\"minor\":\"32\",\"gitVersion\":\"v1.32.0\"}";
      default -> null;
    };
  }
}
