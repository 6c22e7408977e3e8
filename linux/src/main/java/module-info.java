/** What Jaconet needs of the Linux kernel; the only module that makes native calls. */
@org.jspecify.annotations.NullMarked
module io.jaconet.linux {
  requires transitive io.jaconet.core;
  requires org.jnrproject.jffi;
  requires org.slf4j;
  requires static com.google.errorprone.annotations;

  exports io.jaconet.linux;
}
