package io.jaconet.benchmarks;

/** What is measured of a data path. */
enum PathTest {
  TCP1("tcp1", "Mbit/s", "TCP, one stream", true),
  TCP4("tcp4", "Mbit/s", "TCP, four streams", true),
  UDP1300("udp1300", "kpps", "UDP, 1300 bytes, received", true),
  UDP64("udp64", "kpps", "UDP, 64 bytes, received", true),
  /** Of a ping that sends as soon as the last answer is there. */
  RTT("rtt", "us", "Round trip of a flood of pings", false),
  /** Of the whole machine, while the test {@link #TCP1} runs. */
  CPU("cpu", "ms/Gbit", "CPU of both hosts, TCP, one stream", false);

  private final String text;
  private final String unit;
  private final String title;
  private final boolean moreIsBetter;

  PathTest(String text, String unit, String title, boolean moreIsBetter) {
    this.text = text;
    this.unit = unit;
    this.title = title;
    this.moreIsBetter = moreIsBetter;
  }

  String unit() {
    return unit;
  }

  /** Returns what a reader is told: what it is, in which unit, and which way is better. */
  String title() {
    return title + ", " + unit + (moreIsBetter ? " (more is better)" : " (less is better)");
  }

  /** Returns what the bars of the test compare with. */
  DataPathKind reference() {
    return this == RTT ? DataPathKind.BASELINE : DataPathKind.KERNEL_VXLAN;
  }

  @Override
  public String toString() {
    return text;
  }
}
