package io.jaconet.internal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Pattern;

/**
 * An unencrypted private key in one of the three PEM forms that OpenSSL writes and flanneld reads: PKCS #8, PKCS #1 (RSA) or SEC 1
 * (EC). Java reads only the first, so the others are wrapped into it (RFC 5208).
 */
public final class PemKey {
  private static final Pattern BLOCK = Pattern.compile(
      "-----BEGIN (?<kind>(RSA |EC )?PRIVATE KEY)-----\\s+(?<base64>[A-Za-z0-9+/=\\s]+)-----END \\k<kind>-----");

  private static final int INTEGER = 0x02;
  private static final int OCTET_STRING = 0x04;
  private static final int SEQUENCE = 0x30;
  private static final int EC_PARAMETERS = 0xA0;

  private static final byte[] VERSION_0 = {INTEGER, 1, 0};

  /** The algorithm rsaEncryption, 1.2.840.113549.1.1.1, with NULL as its parameters. */
  private static final byte[] RSA = {
    SEQUENCE, 13, 6, 9, 0x2A, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xF7, 0x0D, 1, 1, 1, 5, 0
  };

  /** The object identifier ecPublicKey, 1.2.840.10045.2.1. */
  private static final byte[] EC_PUBLIC_KEY = {
    6, 7, 0x2A, (byte) 0x86, 0x48, (byte) 0xCE, 0x3D, 2, 1
  };

  private PemKey() {}

  /** Returns the first private key in {@code file}. */
  public static PrivateKey read(Path file) throws IOException {
    return parse(Files.readString(file), file.toString());
  }

  /**
   * Returns the first private key in {@code pem}.
   *
   * @param origin where the text is from, for messages
   */
  public static PrivateKey parse(String pem, String origin) throws IOException {
    var block = BLOCK.matcher(pem);
    if (!block.find()) {
      throw new IOException(origin + " holds no unencrypted private key in PEM form");
    }
    try {
      byte[] der = Base64.getMimeDecoder().decode(block.group("base64"));
      return switch (block.group("kind")) {
        case "RSA PRIVATE KEY" -> key("RSA", wrap(RSA, der));
        case "EC PRIVATE KEY" ->
          key("EC", wrap(der(SEQUENCE, EC_PUBLIC_KEY, curveOfSec1(der)), der));
        default -> pkcs8(der);
      };
    } catch (IllegalArgumentException | GeneralSecurityException e) {
      throw new IOException("the private key in " + origin + " cannot be read", e);
    }
  }

  private static PrivateKey pkcs8(byte[] der) throws GeneralSecurityException {
    GeneralSecurityException unfit = new GeneralSecurityException("neither RSA nor EC");
    for (var algorithm : new String[] {"RSA", "EC", "Ed25519"}) {
      try {
        return key(algorithm, der);
      } catch (GeneralSecurityException other) {
        unfit.addSuppressed(other);
      }
    }
    throw unfit;
  }

  private static PrivateKey key(String algorithm, byte[] pkcs8) throws GeneralSecurityException {
    return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
  }

  private static byte[] wrap(byte[] algorithm, byte[] key) {
    return der(SEQUENCE, VERSION_0, algorithm, der(OCTET_STRING, key));
  }

  private static byte[] der(int tag, byte[]... parts) {
    var content = new ByteArrayOutputStream();
    for (var part : parts) {
      content.writeBytes(part);
    }
    int length = content.size();
    var out = new ByteArrayOutputStream();
    out.write(tag);
    if (length < 0x80) {
      out.write(length);
    } else if (length < 0x100) {
      out.write(0x81);
      out.write(length);
    } else {
      out.write(0x82);
      out.write(length >> 8);
      out.write(length);
    }
    out.writeBytes(content.toByteArray());
    return out.toByteArray();
  }

  /** Returns the curve that a SEC 1 key (RFC 5915) names: SEQUENCE { version, key, [0] curve, … }. */
  private static byte[] curveOfSec1(byte[] der) throws GeneralSecurityException {
    var in = ByteBuffer.wrap(der);
    try {
      in.get();
      length(in);
      while (in.hasRemaining()) {
        int tag = in.get() & 0xFF;
        var content = new byte[length(in)];
        in.get(content);
        if (tag == EC_PARAMETERS) {
          return content;
        }
      }
    } catch (RuntimeException truncated) {
      throw new GeneralSecurityException("the EC key ends early", truncated);
    }
    throw new GeneralSecurityException("the EC key does not name its curve");
  }

  private static int length(ByteBuffer in) {
    int first = in.get() & 0xFF;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7F); i++) {
      length = length << 8 | in.get() & 0xFF;
    }
    if (length < 0 || length > in.remaining()) {
      throw new IllegalArgumentException("a length of " + length);
    }
    return length;
  }
}
