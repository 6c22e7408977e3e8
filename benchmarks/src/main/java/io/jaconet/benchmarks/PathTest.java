package io.jaconet.benchmarks;

/** What is measured of a data path. */
enum PathTest {
  TCP1("tcp1", "Mbit/s", "TCP, one stream"),
  TCP4("tcp4", "Mbit/s", "TCP, four streams"),
  UDP1300("udp1300", "kpps", "UDP, 1300 bytes, received"),
  UDP64("udp64", "kpps", "UDP, 64 bytes, received"),
  /** Of a ping that sends as soon as the last answer is there. */
  RTT("rtt", "us", "round trip"),
  /** Of the whole machine, while the test {@link #TCP1} runs. */
  CPU("cpu", "ms/Gbit", "CPU for TCP, one stream");

  private final String text;
  private final String unit;
  private final String title;

  PathTest(String text, String unit, String title) {
    this.text = text;
    this.unit = unit;
    this.title = title;
  }

  String unit() {
    return unit;
  }

  /** Returns what a reader is told. */
  String title() {
    return title;
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
