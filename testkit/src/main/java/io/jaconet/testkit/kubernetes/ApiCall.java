package io.jaconet.testkit.kubernetes;

/**
 * A call as Kubernetes' authorization sees it.
 *
 * @param verb such as {@code get}, {@code list}, {@code watch}, {@code patch}
 * @param resource such as {@code nodes} or, with its subresource, {@code nodes/status}; the path of what is no resource
 * @param name which one; empty for all
 */
public record ApiCall(String verb, String resource, String name) {

  static ApiCall of(String method, String path, boolean watch) {
    var words = path.split("/", -1);
    int at = words.length > 4 && words[3].equals("namespaces") ? 5 : 3;
    if (!path.startsWith("/api/v1/") || words.length <= at) {
      return new ApiCall(method.equals("GET") ? "get" : method, path, "");
    }
    var name = words.length > at + 1 ? words[at + 1] : "";
    var resource = words[at] + (words.length > at + 2 ? "/" + words[at + 2] : "");
    return new ApiCall(verb(method, name, watch), resource, name);
  }

  private static String verb(String method, String name, boolean watch) {
    return switch (method) {
      case "GET" -> watch ? "watch" : name.isEmpty() ? "list" : "get";
      case "POST" -> "create";
      case "PUT" -> "update";
      default -> method.toLowerCase(java.util.Locale.ROOT);
    };
  }
}
