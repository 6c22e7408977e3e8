/** One runnable program per question. */
@org.jspecify.annotations.NullMarked
module io.jaconet.examples {
  requires io.jaconet.core;

  exports io.jaconet.examples.store;
}
