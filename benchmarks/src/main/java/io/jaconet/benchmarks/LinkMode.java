package io.jaconet.benchmarks;

/** How the hosts' interfaces treat packets that the kernel joined. */
enum LinkMode {
  /** As veth does: they are never cut, which flatters kernels. */
  PLAIN("plain", "plain veth", 65_535),
  /** As over a wire: one by one. */
  WIRE("wire", "wire-like: one packet at a time leaves a host", 1);

  private final String text;
  private final String title;
  private final int maxSegments;

  LinkMode(String text, String title, int maxSegments) {
    this.text = text;
    this.title = title;
    this.maxSegments = maxSegments;
  }

  /** Returns what a reader is told. */
  String title() {
    return title;
  }

  /** Returns how many packets may leave in one piece. */
  int maxSegments() {
    return maxSegments;
  }

  @Override
  public String toString() {
    return text;
  }
}
