package io.jaconet.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UnixDatagramTest {
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;

  private static String receive(String receiver, String sent) throws IOException {
    byte[] name = receiver.getBytes(UTF_8);
    if (receiver.startsWith("@")) {
      name[0] = 0;
    }
    int fd = SyscallException.check("socket", LibC.socket(AF_UNIX, SOCK_DGRAM, 0));
    try {
      var address = ByteBuffer.allocateDirect(2 + name.length)
          .order(ByteOrder.nativeOrder())
          .putShort((short) AF_UNIX)
          .put(name)
          .flip();
      SyscallException.check("bind", LibC.bind(fd, address));
      UnixDatagram.send(receiver, sent);
      var buffer = ByteBuffer.allocateDirect(100);
      int length = (int) LibC.read(fd, buffer, buffer.capacity());
      return UTF_8.decode(buffer.limit(length)).toString();
    } finally {
      LibC.close(fd);
    }
  }

  @Test
  void aMessageArrivesAtAPathAndAtAnAbstractName(@TempDir Path directory) throws IOException {
    var abstractName = "@jaconet-test-" + ProcessHandle.current().pid();

    assertEquals("READY=1", receive(directory.resolve("s").toString(), "READY=1"));
    assertEquals("STOPPING=1", receive(abstractName, "STOPPING=1"));
  }

  @Test
  void whereNobodyListensTheErrorNamesThePlace(@TempDir Path directory) {
    var place = directory.resolve("nobody").toString();

    var refusal = assertThrows(IOException.class, () -> UnixDatagram.send(place, "READY=1"));

    assertTrue(String.valueOf(refusal.getMessage()).contains(place), refusal.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "relative", "@", "/"})
  void whatIsNoAddressIsRefused(String place) {
    assertThrows(IllegalArgumentException.class, () -> UnixDatagram.send(place, "READY=1"));
  }
}
