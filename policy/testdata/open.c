// Files are read; what is written stays below a directory, and is not made executable.
if (ctx->open.flags & (O_WRONLY | O_RDWR | O_CREAT)) {
	if (!(ctx->open.resolve & RESOLVE_BENEATH))
		return 0;
	else if ((ctx->open.mode & 0111) != 0 || 0x100000000ULL <= ctx->open.flags)
		return 0;
}
return !(ctx->open.flags & ~(O_ACCMODE | O_CREAT | O_CLOEXEC | O_LARGEFILE));
