"""A PDF and a photograph, made on the spot: real files of real formats, of nothing and nobody."""
import struct
import zlib


def pdf(lines):
    """One page of text, with a cross-reference table that readers accept."""
    text = "BT /F1 12 Tf 72 720 Td 16 TL " + " ".join(
        "(%s) Tj T*" % line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        for line in lines) + " ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += (f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
            f"startxref\n{table}\n%%EOF\n").encode()
    return out


def photograph(width=640, height=480):
    """A PNG with the colours and the grain of a photograph of skin."""
    noise, rows = 12345, []
    for y in range(height):
        row = bytearray([0])
        for x in range(width):
            noise = (noise * 1103515245 + 12345) & 0x7FFFFFFF
            grain = (noise >> 16) % 17 - 8
            spot = 70 if (x - width // 2) ** 2 + (y - height // 2) ** 2 < 60 ** 2 else 0
            row += bytes(max(0, min(255, c + grain)) for c in (224 - spot // 3, 172 - spot, 150 - spot))
        rows.append(bytes(row))

    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content +
                struct.pack(">I", zlib.crc32(kind + content)))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(b"".join(rows), 6)) + chunk(b"IEND", b""))
