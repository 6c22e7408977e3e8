package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;

/**
 * What is read of a Node object.
 *
 * @param created when it was created, in seconds since 1970
 * @param revision its resource version
 * @param podCidrs the subnets that the cluster assigned to it
 * @param annotations those of its annotations that were asked for
 * @param ready whether its kubelet was well when that was last looked at
 */
record Node(
    String name,
    long created,
    long revision,
    ImmutableList<String> podCidrs,
    ImmutableMap<String, String> annotations,
    boolean ready) {

  /** Returns the annotation, or an empty text. */
  String annotation(String name) {
    return annotations.getOrDefault(name, "");
  }
}
