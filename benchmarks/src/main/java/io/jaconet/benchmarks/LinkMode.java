package io.jaconet.benchmarks;

/** How the hosts' interfaces treat packets that the kernel joined. */
enum LinkMode {
  /** As veth does: they are never cut, which flatters kernels. */
  PLAIN("plain", 65_535),
  /** As over a wire: one by one. */
  WIRE("wire", 1);

  private final String text;
  private final int maxSegments;

  LinkMode(String text, int maxSegments) {
    this.text = text;
    this.maxSegments = maxSegments;
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
