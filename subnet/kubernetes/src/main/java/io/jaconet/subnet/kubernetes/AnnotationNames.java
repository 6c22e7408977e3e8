package io.jaconet.subnet.kubernetes;

import static com.google.common.base.Preconditions.checkArgument;

import io.jaconet.internal.Printable;
import io.jaconet.net.IpFamily;
import java.util.regex.Pattern;

/** The names of flannel's annotations, which begin with a prefix that is one for all nodes of a network. */
record AnnotationNames(String prefix) {
  static final String FLANNEL = "flannel.alpha.coreos.com";
  private static final int MAX_CHARS = 253;
  private static final Pattern VALID =
      Pattern.compile("(?:[a-z0-9_-]+\\.)+[a-z0-9_-]+/(?:[a-z0-9_-]+-)?\\z");

  /**
   * Returns the names that begin with {@code prefix}, which flannel completes: {@code org.com} stands for {@code org.com/},
   * {@code org.com/9} for {@code org.com/9-}.
   *
   * @throws IllegalArgumentException if the prefix is none to flannel
   */
  static AnnotationNames of(String prefix) {
    int slash = prefix.indexOf('/');
    var completed = slash < 0 ? prefix + "/" : prefix;
    if (!completed.endsWith("/") && !completed.endsWith("-")) {
      completed += "-";
    }
    checkArgument(
        completed.length() <= MAX_CHARS
            && slash == prefix.lastIndexOf('/')
            && VALID.matcher(completed).find(),
        "'%s' is no prefix of annotations such as flannel.alpha.coreos.com or example.com/blue",
        Printable.of(prefix));
    return new AnnotationNames(completed);
  }

  /** Returns the name of what marks a node that takes part. */
  String marker() {
    return prefix + "kube-subnet-manager";
  }

  String backendType() {
    return prefix + "backend-type";
  }

  String backendData(IpFamily family) {
    return prefix + (family == IpFamily.V4 ? "backend-data" : "backend-v6-data");
  }

  String publicIp(IpFamily family) {
    return prefix + suffix("public-ip", family);
  }

  /** Returns the name of the address that is published instead of the detected one. */
  String publicIpOverwrite(IpFamily family) {
    return publicIp(family) + "-overwrite";
  }

  /** Returns the name of the address that stands for the flag {@code --public-ip}. */
  String nodePublicIp(IpFamily family) {
    return prefix + suffix("node-public-ip", family);
  }

  private static String suffix(String name, IpFamily family) {
    return family == IpFamily.V4 ? name : name + "v6";
  }

  boolean covers(String annotation) {
    return annotation.startsWith(prefix);
  }
}
