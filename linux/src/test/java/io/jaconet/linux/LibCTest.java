package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class LibCTest {

  @Test
  void errnoIsThatOfTheLastCallOfThisThread() throws Exception {
    var other = new Thread(() -> LibC.close(-1));
    int result = LibC.open("/no/such/file", 0, 0);
    other.start();
    other.join();

    assertEquals(-1, result);
    assertEquals(Errno.ENOENT, LibC.errno());
    assertEquals(-1, LibC.mount("none", "/no/such/directory", "tmpfs", 0, ""));
    assertEquals(Errno.ENOENT, LibC.errno());
    assertEquals(-1, LibC.setns(-1, 0));
    assertEquals("EBADF", Errno.name(LibC.errno()));
  }

  @Test
  void aBufferIsPassedFromItsPosition() {
    var buffer = ByteBuffer.allocateDirect(64);
    int fd = LibC.open("/proc/self/comm", 0, 0);

    long count = LibC.read(fd, buffer.position(8).slice(), 16);

    assertEquals(0, LibC.close(fd));
    assertTrue(count > 1);
    assertEquals('\n', buffer.get(8 + (int) count - 1));
    assertEquals(LibC.address(buffer.duplicate().clear()) + 8, LibC.address(buffer.slice()));
  }

  @Test
  void theMessageNamesCallErrnoAndTheKernelsText() {
    var failure = new SyscallException(
        "newlink(flannel.7)", Errno.EEXIST, "A VXLAN device with the specified VNI already exists");

    assertEquals(
        "newlink(flannel.7): EEXIST (A VXLAN device with the specified VNI already exists)",
        failure.getMessage());
    assertEquals("EDQUOT", Errno.name(122));
    assertEquals("4095", Errno.name(4095));
  }
}
