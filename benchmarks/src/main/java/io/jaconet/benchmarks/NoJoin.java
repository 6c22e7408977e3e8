package io.jaconet.benchmarks;

/** What every JVM needs, with or without a network. */
final class NoJoin {
  private NoJoin() {}

  public static void main(String[] args) {
    System.out.println("started");
  }
}
