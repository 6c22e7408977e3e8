/** Published fakes and the contracts of the SPIs. */
@org.jspecify.annotations.NullMarked
module io.jaconet.testkit {
  requires transitive io.jaconet.core;
  requires transitive org.junit.jupiter.api;
  requires static org.jspecify;

  exports io.jaconet.testkit;
}
